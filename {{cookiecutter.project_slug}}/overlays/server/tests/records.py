"""What test runs have made on the server, recorded until they drop it."""

import re
import secrets
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, make_url

from app.settings import Settings

FOLDER = Path(__file__).parents[1] / ".pytest_cache" / "databases"
MAX_LENGTH = 63  # of a name, in bytes; MySQL and MariaDB allow 64


def own_name(url: URL) -> str:
    """Name a database after the one of `url`, like no other."""
    name = re.sub("_test_[0-9a-f]{8}$", "", url.database or "")
    end = f"_test_{secrets.token_hex(4)}"
    return name.encode()[: MAX_LENGTH - len(end)].decode(errors="ignore") + end


@contextmanager
def recorded(url: URL) -> Generator[None]:
    """Record a database until it is dropped, unless its server is one of this run, and ends with it.

    The record is locked by this process, so what no process locks is of a run that was killed.
    """
    if url != Settings().database_url.set(database=url.database):
        yield
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{url.database}.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as record:
        record.execute("BEGIN EXCLUSIVE")
        record.execute("CREATE TABLE made (url TEXT)")
        record.execute("INSERT INTO made VALUES (?)", [str(url)])  # without its password
        record.execute("COMMIT")
        record.execute("BEGIN EXCLUSIVE")
        yield
    path.unlink()


def leftovers() -> dict[Path, URL]:
    """Give the databases of runs that were killed, by their records."""
    found = {}
    for path in sorted(FOLDER.glob("*.db")):
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0)) as record:
            try:
                (url,) = record.execute("SELECT url FROM made").fetchone()
            except sqlite3.OperationalError:  # it is locked: its run goes on
                continue
        found[path] = make_url(url)
    return found


def describe_leftovers() -> list[str]:
    """Name what killed runs have left, and the command that removes it."""
    names = ", ".join(url.database or "" for url in leftovers().values())
    line = f"Killed test runs have left {names}; to drop that: uv run poe drop-test-databases"
    return [line] if names else []
