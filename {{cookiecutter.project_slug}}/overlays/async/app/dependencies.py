"""The database of a request: `SessionDep`, `ReaderDep`, and `DatabaseDep` for slow work."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from app.database import Database, WriteSession
from app.web.deadline import lift_deadline
from app.web.held import opened
from app.web.routes import route_depends_on
from app.web.units import RequestDatabase


async def get_session(request: HTTPConnection) -> AsyncGenerator[WriteSession]:
    """One transaction: committed before the response is sent, rolled back on any exception."""
    if hasattr(request.state, "session"):  # `get_reader` opened it and ends it
        yield request.state.session
        return
    db: Database = request.state.db
    async with db.writer_queue.slot(), db.transaction() as session:
        with opened(request, session, db.hold_limit):
            yield session
        lift_deadline(request)


async def get_reader(request: HTTPConnection) -> AsyncGenerator[AsyncSession]:
    """A read-only session in AUTOCOMMIT.

    If the request also takes `SessionDep`, in any dependency, this is the same session: taking a
    second slot could deadlock.
    """
    if route_depends_on(get_session, request):
        async with asynccontextmanager(get_session)(request) as session:
            yield session
        return
    db: Database = request.state.db
    async with db.reader_queue.slot(), db.readers() as reader:
        with opened(request, reader, db.hold_limit):
            yield reader


async def get_database(request: HTTPConnection) -> AsyncGenerator[RequestDatabase]:
    """Short units of work: the request holds a connection only within each."""
    yield RequestDatabase.of(request.state.db, request)
    request.state.responding = True


SessionDep = Annotated[WriteSession, Depends(get_session, scope="function")]
ReaderDep = Annotated[AsyncSession, Depends(get_reader, scope="function")]
DatabaseDep = Annotated[RequestDatabase, Depends(get_database, scope="function")]
