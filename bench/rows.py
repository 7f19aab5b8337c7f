"""Many rows through `store_rows`, compared with the driver's COPY: `uv run python bench/rows.py`.

Each PostgreSQL driver stores 100,000 rows in one transaction that is rolled back, in
alternating rounds. A script in the environment of the rendered project prints the medians.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from cookiecutter.main import cookiecutter

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from combinations import DRIVERS  # noqa: E402
from conftest import on  # noqa: E402
from processes import alembic, create_database, install, run  # noqa: E402
from servers import postgresql_server  # noqa: E402

SCRIPT = """
import asyncio
import statistics
import time
from io import StringIO

from app.database import store_rows
from app.database import connected
from app.items.models import Item
from app.settings import Settings

ROWS = [{"name": f"Row {it}", "category": "bench", "quantity": it} for it in range(100_000)]
COLUMNS = ("name", "category", "quantity")


class Undone(Exception):
    pass


async def by_function(session):
    await store_rows(session, Item, ROWS)


async def by_driver(session):
    COPY


async def main():
    seconds = {by_function: [], by_driver: []}
    async with connected(Settings()) as db:
        for _ in range(7):
            for way, found in seconds.items():
                try:
                    async with db.sessions.begin() as session:
                        await session.execute(Item.__table__.select().limit(1))
                        begin = time.perf_counter()
                        await way(session)
                        found.append(time.perf_counter() - begin)
                        raise Undone
                except Undone:
                    pass
    ours, driver = map(statistics.median, seconds.values())
    print(f"{ours:.2f} s, COPY by the driver {driver:.2f} s: {ours / driver:.2f} x")


START
"""
ASYNC_RAW = "raw = (await (await session.connection()).get_raw_connection()).driver_connection"
SYNC_RAW = "raw = session.connection().connection.driver_connection"
LINES = "text = StringIO(''.join(f\"{r['name']}\\t{r['category']}\\t{r['quantity']}\\n\" for r in ROWS))"
WAYS = {
    "asyncpg": [
        "rows = [tuple(row.values()) for row in ROWS]",
        "await raw.copy_records_to_table('items', columns=COLUMNS, records=rows)",
    ],
    "psycopg": [
        "async with raw.cursor() as cursor:",
        "    async with cursor.copy('COPY items (name, category, quantity) FROM STDIN') as copy:",
        "        for row in ROWS: await copy.write_row(tuple(row.values()))",
    ],
    "psycopg2": [
        LINES,
        "with raw.cursor() as cursor:",
        "    cursor.copy_expert('COPY items (name, category, quantity) FROM STDIN', text)",
    ],
}


def script(session: str, driver: str) -> str:
    """Write the script for a variant."""
    raw = ASYNC_RAW if session == "async" else SYNC_RAW
    text = SCRIPT.replace("COPY\n", "\n    ".join([raw, *WAYS[driver]]) + "\n", 1)
    if session == "async":
        return text.replace("START", "asyncio.run(main())")
    for word in ("await ", "async "):
        text = text.replace(word, "")
    return text.replace("START", "main()")


def main() -> None:
    """Measure each driver."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, postgresql_server() as server:
        for variant in (it for it in DRIVERS if it.database == "postgresql"):
            name = f"{variant.session}_{variant.driver}"
            rendered = Path(
                cookiecutter(
                    str(ROOT),
                    no_input=True,
                    output_dir=f"{folder}/{name}",
                    extra_context=variant.answers,
                )
            )
            environment = install(
                Path(folder, name, "venv"), options.python, [rendered / "pyproject.toml"]
            )
            url = on(f"postgresql+{variant.driver}:{server.address}", name)
            create_database(rendered, environment, url)
            alembic(rendered, environment, url, "upgrade head")
            (rendered / "rows.py").write_text(script(variant.session, variant.driver))
            done = run(environment / "python", "rows.py", cwd=rendered, DATABASE_URL=url)
            print(f"{variant.session} {variant.driver}: {done.stdout.splitlines()[-1]}", flush=True)


if __name__ == "__main__":
    main()
