"""What the route of a request depends on."""

from collections.abc import Callable
from typing import Any

from fastapi.dependencies.models import Dependant
from starlette.requests import HTTPConnection


def route_depends_on(call: Callable[..., Any], request: HTTPConnection) -> bool:
    """Return whether the route, or a router that includes it, depends on a function."""
    route = request.scope.get("route")
    # FastAPI stores here the route with the dependencies of the routers that include it. The key is
    # not documented; `test_admission.py` fails without it.
    included = request.scope.get("fastapi", {}).get("effective_route_context")
    if included is not None and included.original_route is route:
        route = included
    dependant = getattr(route, "dependant", None)
    return dependant is not None and depends_on(call, dependant)


def depends_on(call: Callable[..., Any], dependant: Dependant) -> bool:
    """Search a tree of dependencies."""
    return dependant.call is call or any(depends_on(call, it) for it in dependant.dependencies)
