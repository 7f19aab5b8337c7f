"""Finds out what the route of a request depends on."""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.requests import HTTPConnection

Call = Callable[..., Any]

# Cached by application and endpoint: the search takes longer than reading a row.
known: WeakKeyDictionary[Any, dict[tuple[Call, Call], bool]] = WeakKeyDictionary()


def route_depends_on(call: Call, request: HTTPConnection) -> bool:
    """Return whether the route, or a router that includes it, depends on `call`."""
    endpoint = request.scope["endpoint"]
    answers = known.setdefault(request.app, {})
    if (endpoint, call) not in answers:
        answers[endpoint, call] = any(
            depends_on(call, route.dependant)
            for route in iter_route_contexts(request.app.routes)
            if route.endpoint is endpoint
        )
    return answers[endpoint, call]


def depends_on(call: Call, dependant: Dependant) -> bool:
    """Search a tree of dependencies."""
    return dependant.call is call or any(depends_on(call, it) for it in dependant.dependencies)
