"""What each layer adds to a GET and to a POST, in microseconds of CPU: `uv run python bench/ladder.py`.

Prints the tenth percentile of 25 rounds on an async project on PostgreSQL, because noise
affects mostly the other rounds. Run it on an idle machine.
"""

import argparse
import sys
import tempfile
from pathlib import Path

# `service` adds the modules of the tests to `sys.path`.
from service import apps, seed  # isort: skip
from combinations import DRIVERS
from conftest import on
from processes import run
from servers import postgresql_server


def main() -> None:
    """Render, install, and run the steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    variant = next(it for it in DRIVERS if it.driver == "asyncpg")
    with tempfile.TemporaryDirectory() as folder, postgresql_server() as server:
        url = on(f"postgresql+asyncpg:{server.address}", "ladder")
        ours, *_, inlined = apps(Path(folder), variant, options.python, url)
        seed(ours)
        settings = ours.settings | inlined.settings | {"PYTHONPATH": str(ours.folder)}
        done = run(
            ours.command[0], inlined.folder / "steps.py", cwd=ours.folder, check=True, **settings
        )
    print(*(line for line in done.stdout.splitlines() if line.startswith("|")), sep="\n")


if __name__ == "__main__":
    main()
