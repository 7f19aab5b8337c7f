"""Records of the databases that test runs create on the server; a drop removes the record."""

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
MAX_LENGTH = 63  # bytes of a name: no server has a lower limit

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
    """Return a unique name that begins with the name of the database of `url`."""
    name = re.sub("_test_[0-9a-f]{8}$", "", url.database or "")
    end = f"_test_{secrets.token_hex(4)}"
    return name.encode()[: MAX_LENGTH - len(end)].decode(errors="ignore") + end


@contextmanager
def recorded(url: URL) -> Generator[None]:
    """Record a database until it is dropped, unless its server was started by this run.

    This process locks the record, so an unlocked record belongs to a run that was killed.
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
    except Exception:  # the database was dropped nevertheless
        path.unlink()
        raise
    path.unlink()


def leftovers() -> dict[Path, URL]:
    """Return the databases of killed runs, by the file of their record."""
    found = {}
    for path in sorted(FOLDER.glob("*.txt")):
        try:
            with path.open("r+", encoding="utf-8") as record:
                lock(record)
                url = record.read()
        except OSError:  # its run is still going, or has just ended
            continue
        if url:
            found[path] = make_url(url)
    return found


def describe_leftovers() -> list[str]:
    """Name the databases that killed runs left, and the command that drops them."""
    names = ", ".join(url.database or "" for url in leftovers().values())
    line = f"Killed test runs have left {names}; to drop that: uv run poe drop-test-databases"
    return [line] if names else []
