"""What every request passes through costs as little as it can."""

import ast
from pathlib import Path

SOURCES = [path.read_text(encoding="utf-8") for path in Path("app").rglob("*.py")]
NODES = [node for source in SOURCES for node in ast.walk(ast.parse(source))]


def depended_on() -> set[str]:
    """Name what stands in `Depends(…)`."""
    calls = [node for node in NODES if isinstance(node, ast.Call)]
    return {ast.unparse(it.args[0]) for it in calls if ast.unparse(it.func) == "Depends"}


def test_no_dependency_runs_in_a_thread() -> None:
    """A `def` or a class as a dependency would cost a turn in a thread for every request."""
    functions = {node.name for node in NODES if isinstance(node, ast.AsyncFunctionDef)}
    assert depended_on()
    assert depended_on() - functions == set()


def test_middleware_is_pure_asgi() -> None:
    for source in SOURCES:
        assert "BaseHTTPMiddleware" not in source
        assert ".middleware(" not in source
