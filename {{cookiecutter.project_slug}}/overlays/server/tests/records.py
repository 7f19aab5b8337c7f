"""What test runs have made on the server, recorded until they drop it."""

import re
import secrets
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sqlalchemy import URL, make_url

from app.settings import Settings

FOLDER = Path(__file__).parents[1] / ".pytest_cache" / "databases"
MAX_LENGTH = 63  # of a name, in bytes: no server allows less

if sys.platform == "win32":
    import msvcrt

    def lock(file: IO[str]) -> None:
        """Lock a file until it is closed or the process ends, or raise `OSError`."""
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def lock(file: IO[str]) -> None:
        """Lock a file until it is closed or the process ends, or raise `OSError`."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


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
    path = FOLDER / f"{url.database}.txt"
    try:
        with path.open("w", encoding="utf-8") as record:
            lock(record)
            record.write(str(url))  # without its password
            record.flush()
            yield
    except Exception:  # it was dropped all the same
        path.unlink()
        raise
    path.unlink()


def leftovers() -> dict[Path, URL]:
    """Give the databases of runs that were killed, by their records."""
    found = {}
    for path in sorted(FOLDER.glob("*.txt")):
        try:
            with path.open("r+", encoding="utf-8") as record:
                lock(record)
                url = record.read()
        except OSError:  # its run goes on, or has just ended
            continue
        if url:
            found[path] = make_url(url)
    return found


def describe_leftovers() -> list[str]:
    """Name what killed runs have left, and the command that removes it."""
    names = ", ".join(url.database or "" for url in leftovers().values())
    line = f"Killed test runs have left {names}; to drop that: uv run poe drop-test-databases"
    return [line] if names else []
