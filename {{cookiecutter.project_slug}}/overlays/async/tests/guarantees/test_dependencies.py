"""Dependencies and middleware cost a request as little as possible."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.dependencies import ReaderDep, SessionDep


def dependencies(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for it in dependant.dependencies:
        assert it.call is not None
        yield it.call
        yield from dependencies(it)


def runs_in_a_thread(call: Callable[..., Any]) -> bool:
    """Tell whether FastAPI calls this in a thread, as it does with a `def` and a class."""
    if inspect.isclass(call):
        return True
    bodies = (call, type(call).__call__)  # an object may have an `async def __call__`
    return not any(map(inspect.iscoroutinefunction, bodies)) and not any(
        map(inspect.isasyncgenfunction, bodies)
    )


def in_threads(app: FastAPI) -> set[str]:
    """Return the names of all dependencies of routes that run in a thread."""
    found = [it.dependant for it in iter_route_contexts(app.routes) if hasattr(it, "dependant")]
    calls = [call for dependant in found for call in dependencies(dependant)]
    return {getattr(call, "__qualname__", repr(call)) for call in calls if runs_in_a_thread(call)}


def test_no_dependency_runs_in_a_thread(app: FastAPI) -> None:
    """Every request would need a thread for it."""
    assert in_threads(app) == set()


def test_dependencies_that_run_in_a_thread_are_detected() -> None:
    app = FastAPI()

    def require(role: str) -> Callable[..., Any]:
        async def required(reader: ReaderDep) -> str:
            return role

        return required

    class Parameters:
        pass

    def parameters() -> None: ...

    @app.get("/test-awaited")
    async def awaited(
        session: SessionDep,
        role: Annotated[str, Depends(require("admin"))],
        token: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
    ) -> None: ...

    assert in_threads(app) == set()

    @app.get("/test-threads")
    async def threads(
        first: Annotated[None, Depends(parameters)], second: Annotated[Parameters, Depends()]
    ) -> None: ...

    assert {name.rpartition(".")[2] for name in in_threads(app)} == {"parameters", "Parameters"}


def test_middleware_is_pure_asgi() -> None:
    for path in Path("app").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "BaseHTTPMiddleware" not in source
        assert ".middleware(" not in source
