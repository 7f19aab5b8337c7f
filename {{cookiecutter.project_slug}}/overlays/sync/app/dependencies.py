"""The database of a request: `SessionDep`, `ReaderDep`, and `DatabaseDep` for slow work."""

import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Annotated, TypeVar

import anyio
import anyio.to_thread
from fastapi import Depends
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection

from app.database import Database, WriteSession
from app.database.managed import finish
from app.web.deadline import check_deadline
from app.web.held import opened
from app.web.routes import route_depends_on
from app.web.units import RequestDatabase

S = TypeVar("S", bound=Session)


@asynccontextmanager
async def ended_in_thread(context: AbstractContextManager[S]) -> AsyncGenerator[S]:
    """Begin a session on the event loop, which sends nothing; end it in a thread, as that blocks.

    The thread is not from the pool of the endpoints: all of those may be waiting for a lock
    that this commit releases.
    """
    session = context.__enter__()
    try:
        yield session
    finally:
        limiter = anyio.CapacityLimiter(1)
        await finish(anyio.to_thread.run_sync(context.__exit__, *sys.exc_info(), limiter=limiter))


# All are `async`: a request that waits for a slot must not hold a thread. Otherwise requests that
# have a connection would find no free thread.
async def get_session(request: HTTPConnection) -> AsyncGenerator[WriteSession]:
    """One transaction: committed before the response is sent, rolled back on any exception."""
    if hasattr(request.state, "session"):  # `get_reader` opened it and ends it
        yield request.state.session
        return
    db: Database = request.state.db
    async with db.writer_queue.slot(), ended_in_thread(db.transaction()) as session:
        check_deadline(request)
        with opened(request, session, db.hold_limit):
            yield session
        check_deadline(request)


async def get_reader(request: HTTPConnection) -> AsyncGenerator[Session]:
    """A read-only session in AUTOCOMMIT.

    If the request also takes `SessionDep`, in any dependency, this is the same session: taking a
    second slot could deadlock.
    """
    if route_depends_on(get_session, request):
        async with asynccontextmanager(get_session)(request) as session:
            yield session
        return
    db: Database = request.state.db
    async with db.reader_queue.slot(), ended_in_thread(db.readers()) as reader:
        check_deadline(request)
        with opened(request, reader, db.hold_limit):
            yield reader


async def get_database(request: HTTPConnection) -> AsyncGenerator[RequestDatabase]:
    """Short units of work: the request holds a connection only within each."""
    yield RequestDatabase.of(request.state.db, request)
    request.state.responding = True


SessionDep = Annotated[WriteSession, Depends(get_session, scope="function")]
ReaderDep = Annotated[Session, Depends(get_reader, scope="function")]
DatabaseDep = Annotated[RequestDatabase, Depends(get_database, scope="function")]
