"""The database of the tests: made anew for each run, on the server of `DATABASE_URL`."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError

from app.create_database import create_database, maintenance_connection
from app.settings import Settings
from tests.server import HINT, running_server


@contextmanager
def scratch_database(url: URL) -> Generator[URL]:
    """Make the database `<name>_test`, give its URL, and drop it in the end."""
    with running_server(url) as server:
        scratch = server.set(database=f"{url.database}_test")
        try:
            asyncio.run(remake(scratch))
        except DBAPIError as error:
            pytest.exit(f"The tests need a database at {server}, but: {error.orig}. {HINT}", 1)
        yield scratch
        asyncio.run(remake(scratch, drop_only=True))


async def remake(scratch: URL, *, drop_only: bool = False) -> None:
    """Drop the database and create it, speaking to another one of the same server."""
    settings = Settings(database_url=scratch)
    async with maintenance_connection(settings) as connection:
        name = connection.dialect.identifier_preparer.quote(scratch.database or "")
        await connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
    if not drop_only:
        await create_database(settings)
