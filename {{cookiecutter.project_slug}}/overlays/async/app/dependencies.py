"""From a request to its session: `SessionDep`, `ReaderDep`, and who gets one when."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from app.database import Database, WriteSession
from app.web.deadline import lift_deadline
from app.web.routes import route_depends_on


@asynccontextmanager
async def admitted(request: HTTPConnection) -> AsyncGenerator[Database]:
    """Hold one place for a request, however many sessions it asks for: two could deadlock."""
    db: Database = request.state.db
    if hasattr(request.state, "admitted"):
        yield db
        return
    async with db.requests.place():
        request.state.admitted = True
        yield db


async def get_session(request: HTTPConnection) -> AsyncGenerator[WriteSession]:
    """One transaction: committed before the response is sent, rolled back on any exception."""
    if hasattr(request.state, "transaction"):  # opened by `get_reader`, and ended there
        yield request.state.transaction
        return
    async with admitted(request) as db, db.managed.begin() as session:
        request.state.transaction = session
        yield session
        lift_deadline(request)


async def get_reader(request: HTTPConnection) -> AsyncGenerator[AsyncSession]:
    """Reads, as cheaply as the database lets it (see `app/database/dialect.py`); refuses writes.

    In a request that takes `SessionDep` too, it is that session: two would be two connections.
    """
    if route_depends_on(get_session, request):
        async with asynccontextmanager(get_session)(request) as session:
            yield session
    else:
        async with admitted(request) as db, db.readers() as reader:
            yield reader


SessionDep = Annotated[WriteSession, Depends(get_session, scope="function")]
ReaderDep = Annotated[AsyncSession, Depends(get_reader, scope="function")]
