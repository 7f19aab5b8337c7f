"""Show where the time of a request goes: `uv run --group profile python bench/flames.py`.

Samples a rendered service on PostgreSQL with py-spy while wrk loads it, and writes a flame
graph. Its stacks break where greenlets switch.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Thread

# `service` adds the modules of the tests to `sys.path`.
from service import apps, drive, seed  # isort: skip
from apps import WORKLOADS, started

from combinations import DRIVERS
from conftest import on
from servers import postgresql_server

SECONDS = 10


def main() -> None:
    """Sample one workload of one variant."""
    parser = argparse.ArgumentParser(description=__doc__)
    variants = {f"{it.session}-{it.driver}": it for it in DRIVERS if it.database == "postgresql"}
    parser.add_argument("--variant", choices=variants, default="async-asyncpg")
    parser.add_argument("--workload", choices=WORKLOADS, default="get")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--output", type=Path, default=Path("flames.svg"))
    options = parser.parse_args()
    variant = variants[options.variant]
    with tempfile.TemporaryDirectory() as folder, postgresql_server() as server:
        url = on(f"postgresql+{variant.driver}:{server.address}", "flames")
        ours, *_ = apps(Path(folder), variant, options.python, url)
        seed(ours)
        with started(ours) as running:
            load = Thread(target=drive, args=(running, options.workload, 64, SECONDS + 2, "flames"))
            load.start()
            subprocess.run(
                ["py-spy", "record", "--duration", str(SECONDS), "--pid", str(running.process.pid),
                 "--output", str(options.output)],
                check=True,
            )  # fmt: skip
            load.join()


if __name__ == "__main__":
    main()
