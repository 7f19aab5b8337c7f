"""The databases of the tests, on the server of `DATABASE_URL`; `uv run poe drop-test-databases`.

Each has a unique name, so any number of runs can go on at the same time.
"""

import asyncio
import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError

from app.commands.create_database import create_database, maintenance_connection
from app.settings import Settings
from tests.records import describe_leftovers, leftovers, own_name, recorded
from tests.server import HINT, running_server

__all__ = ["database_of_run", "describe_leftovers", "drop", "scratch_database"]


@contextmanager
def database_of_run(url: URL) -> Generator[URL]:
    """Create a database on the server of `url`, or on a server that is started for this run."""
    with running_server(url) as server, scratch_database(server) as scratch:
        yield scratch


@contextmanager
def scratch_database(url: URL) -> Generator[URL]:
    """Create a database on the server of `url`, yield its URL, and drop it afterwards."""
    scratch = url.set(database=own_name(url))
    try:
        made = asyncio.run(create_database(Settings(database_url=scratch)))
    except DBAPIError as error:
        pytest.exit(f"The tests need a database at {url}, but: {error.orig}. {HINT}", 1)
    if not made:
        pytest.exit(f"{scratch.database} is there already, and not of this run: run again.", 1)
    with recorded(scratch):
        try:
            yield scratch
        finally:
            asyncio.run(drop(scratch))


async def drop(url: URL) -> None:
    """Drop a database through a connection to another database of the same server."""
    async with maintenance_connection(Settings(database_url=url)) as connection:
        name = connection.dialect.identifier_preparer.quote(url.database or "")
        await connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))


async def drop_leftovers() -> None:
    """Drop the databases that killed runs left on the server of `DATABASE_URL`."""
    server = Settings().database_url
    for record, url in leftovers().items():
        if url.set(password=server.password, database=server.database) != server:
            sys.stdout.write(f"{url} is on another server: set DATABASE_URL to that\n")
            continue
        await drop(server.set(database=url.database))
        record.unlink()
        sys.stdout.write(f"{url} was dropped\n")


if __name__ == "__main__":
    asyncio.run(drop_leftovers())
