"""Rules for imports that import-linter cannot express without naming the domains."""

from collections.abc import Iterable

import pytest
from grimp import build_graph

INSIDE = {"router", "service"}


def forbidden_imports(imports: Iterable[tuple[str, str]]) -> list[str]:
    """Return imports of a router or service by another domain, or by a shared module."""
    found = []
    for importer, imported in imports:
        parts = imported.split(".")
        inside = len(parts) == 3 and parts[2] in INSIDE
        allowed = importer.startswith((f"app.{parts[1]}.", "app.main", "app.commands."))
        if inside and not allowed:
            found.append(f"{importer} imports {imported}")
    return found


def test_no_domain_imports_the_router_or_service_of_another() -> None:
    graph = build_graph("app", cache_dir=None)
    imports = [
        (importer, imported)
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    ]
    assert len(imports) > 20
    assert forbidden_imports(imports) == []


@pytest.mark.parametrize(
    ("importer", "imported", "refused"),
    [
        ("app.orders.service", "app.users.service", True),
        ("app.orders.router", "app.users.router", True),
        ("app.web.health", "app.users.service", True),
        ("app.orders.router", "app.orders.service", False),
        ("app.orders.models", "app.users.models", False),
        ("app.orders.router", "app.users.dependencies", False),
        ("app.main", "app.users.router", False),
        ("app.commands.send_orders", "app.orders.service", False),
    ],
)
def test_forbidden_imports_are_detected(importer: str, imported: str, refused: bool) -> None:
    assert forbidden_imports([(importer, imported)]) == (
        [f"{importer} imports {imported}"] * refused
    )
