"""The route of a request: its name, and what it depends on."""

from collections.abc import Callable
from typing import Any

from fastapi.dependencies.models import Dependant
from starlette.requests import HTTPConnection


def route_of(request: HTTPConnection) -> Any:
    """Return the route of a request, with what the routers that include it add."""
    route = request.scope.get("route")
    # FastAPI stores the included route here. The key is not documented; `test_admission.py` fails
    # without it.
    included = request.scope.get("fastapi", {}).get("effective_route_context")
    if included is not None and included.original_route is route:
        return included
    return route


def request_name(connection: HTTPConnection) -> str:
    """Name a request for the log, such as GET /health/ready."""
    return f"{connection.scope.get('method', 'WEBSOCKET')} {connection.url.path}"


def route_name(request: HTTPConnection) -> str:
    """Name the route of a request for the log, such as GET /orders/{order_id}."""
    path = getattr(route_of(request), "path", request.url.path)
    return f"{request.scope.get('method', 'WEBSOCKET')} {path}"


def route_depends_on(call: Callable[..., Any], request: HTTPConnection) -> bool:
    """Return whether the route, or a router that includes it, depends on a function."""
    dependant = getattr(route_of(request), "dependant", None)
    return dependant is not None and depends_on(call, dependant)


def depends_on(call: Callable[..., Any], dependant: Dependant) -> bool:
    """Search a tree of dependencies."""
    return dependant.call is call or any(depends_on(call, it) for it in dependant.dependencies)
