"""The database of the tests: a file in a temporary folder."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import URL


@contextmanager
def scratch_database(url: URL) -> Generator[URL]:
    """Give the URL of a new database, named after the one of `url`."""
    name = f"{Path(url.database or '').stem}_test.db"
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield url.set(database=str(Path(folder, name)))
