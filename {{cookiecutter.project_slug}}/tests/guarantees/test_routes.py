"""No route holds a session while it does slow work."""

import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.sse import EventSourceResponse

from app.dependencies import (
    DatabaseDep,
    ReaderDep,
    SessionDep,
    get_database,
    get_reader,
    get_session,
)
from app.web.routes import depends_on


def faults(app: FastAPI) -> Iterator[str]:
    """Name the routes that take a session although they stream or take `DatabaseDep`.

    Authentication and other dependencies may take `DatabaseDep` where the endpoint takes a session.
    """
    for route in iter_route_contexts(app.routes):
        dependant: Any = getattr(route, "dependant", None)
        if dependant is None:
            continue
        own = {it.call for it in dependant.dependencies}
        streams = inspect.isgeneratorfunction(dependant.call) or inspect.isasyncgenfunction(
            dependant.call
        )
        if get_database in own and any(
            depends_on(session, dependant) for session in (get_session, get_reader)
        ):
            yield f"{route.path} takes DatabaseDep and a session: take DatabaseDep only"
        elif streams and own & {get_session, get_reader}:
            yield f"{route.path} streams, and its session ends before: take DatabaseDep"


def test_no_route_holds_a_session_during_slow_work(app: FastAPI) -> None:
    assert list(faults(app)) == []


def test_routes_that_hold_a_session_during_slow_work_are_named() -> None:
    app = FastAPI()

    def user_by_reading(db: DatabaseDep) -> None: ...

    def user_by_reader(reader: ReaderDep) -> None: ...

    @app.get("/probe/short")
    def short(session: SessionDep, user: Annotated[None, Depends(user_by_reading)]) -> None: ...

    @app.get("/probe/slow")
    def slow(db: DatabaseDep, user: Annotated[None, Depends(user_by_reading)]) -> None: ...

    assert list(faults(app)) == []

    @app.get("/probe/both")
    def both(db: DatabaseDep, session: SessionDep) -> None: ...

    @app.get("/probe/by-authentication")
    def by_authentication(
        db: DatabaseDep, user: Annotated[None, Depends(user_by_reader)]
    ) -> None: ...

    @app.get("/probe/events", response_class=EventSourceResponse)
    async def events(session: SessionDep) -> AsyncIterator[int]:
        yield 1

    assert [fault.partition(" ")[0] for fault in faults(app)] == [
        "/probe/both",
        "/probe/by-authentication",
        "/probe/events",
    ]
