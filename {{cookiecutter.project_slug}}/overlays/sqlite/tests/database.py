"""The databases of the tests: files in temporary folders."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import URL


@contextmanager
def scratch_database(url: URL) -> Generator[URL]:
    """Yield the URL of a new database, named after the one of `url`."""
    name = f"{Path(url.database or '').stem}_test.db"
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield url.set(database=str(Path(folder, name)))


database_of_run = scratch_database


def describe_leftovers() -> list[str]:
    """Return nothing: the file of a killed run is in the temporary folder of the system."""
    return []
