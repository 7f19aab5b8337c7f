"""The server of the tests."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import URL

HINT = "Start a server there, or set DATABASE_URL to one whose user may create databases."


@contextmanager
def running_server(url: URL) -> Generator[URL]:
    """Yield the server of `url`."""
    yield url
