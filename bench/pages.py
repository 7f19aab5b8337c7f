"""A page of 50 rows out of 100,000 by `read_page`: `uv run python bench/pages.py`.

Each driver reads 100 pages one after the other, each in a session of its own, in alternating
rounds: by a query written for one key, which is the reference, by `read_page` in the order of
that key, and by `read_page` in the order of two columns, both descending, with an index on them.
A script in the environment of the rendered project prints the medians.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from cookiecutter.main import cookiecutter

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from combinations import DRIVERS, Combination  # noqa: E402
from conftest import named, on  # noqa: E402
from processes import alembic, create_database, install, run  # noqa: E402
from servers import mariadb_server, postgresql_server  # noqa: E402

MEASURED = ("asyncpg", "psycopg", "mariadb+aiomysql", "pysqlite")
SCRIPT = """
import asyncio
import statistics
import time

from app.database import Descending, Ordering, connected, read_page, store_rows
from app.items.models import Item
from app.settings import Settings
from sqlalchemy import select, text

ROWS = [
    {"name": f"Row {it}", "category": "bench", "quantity": it * 7919 % 50_000}
    for it in range(100_000)
]
PAGES, ROUNDS = 100, 7
QUERY = select(Item.__table__)
BY_KEY = Ordering("key", Item.id)
BY_QUANTITY = Ordering("quantity", Descending(Item.quantity), Descending(Item.id))


async def by_hand(reader, after):
    query = QUERY.order_by(Item.id).limit(51)
    if after is not None:
        query = query.where(Item.id > after)
    rows = (await reader.execute(query)).all()
    return rows[49].id if len(rows) > 50 else None


async def by_key(reader, cursor):
    found = await read_page(reader, QUERY, BY_KEY, limit=50, cursor=cursor)
    return found.next_cursor


async def by_quantity(reader, cursor):
    found = await read_page(reader, QUERY, BY_QUANTITY, limit=50, cursor=cursor)
    return found.next_cursor


async def main():
    seconds = {by_hand: [], by_key: [], by_quantity: []}
    async with connected(Settings()) as db:
        async with db.sessions.begin() as session:
            await store_rows(session, Item, ROWS)
            await session.execute(text("CREATE INDEX ix_by_quantity ON items (quantity, id)"))
        for _ in range(ROUNDS):
            for way, found in seconds.items():
                position = None
                begin = time.perf_counter()
                for _ in range(PAGES):
                    async with db.readers() as reader:
                        position = await way(reader, position)
                found.append((time.perf_counter() - begin) / PAGES * 1000)
    hand, *ways = map(statistics.median, seconds.values())
    print(f"by hand {hand:.2f} ms", *(f"{it:.2f} ms ({it / hand:.2f})" for it in ways), sep=" | ")


START
"""


def script(session: str) -> str:
    """Write the script for a variant."""
    if session == "async":
        return SCRIPT.replace("START", "asyncio.run(main())")
    text = SCRIPT.replace("START", "main()")
    for word in ("await ", "async "):
        text = text.replace(word, "")
    return text


def main() -> None:
    """Measure each driver."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        addresses = {
            "postgresql": stack.enter_context(postgresql_server()).address,
            "mariadb": stack.enter_context(mariadb_server()).address,
        }

        def url_of(variant: Combination, name: str) -> str:
            scheme = f"{variant.database}+{variant.driver}"
            if variant.database == "sqlite":
                return f"{scheme}:///{folder}/{name}.db"
            return on(f"{scheme}:{addresses[variant.database]}", name)

        for variant in (it for it in DRIVERS if named(it, *MEASURED)):
            name = f"{variant.session}_{variant.driver}"
            output = f"{folder}/{name}"
            answers = variant.answers
            rendered = Path(
                cookiecutter(str(ROOT), no_input=True, output_dir=output, extra_context=answers)
            )
            environment = install(
                Path(folder, name, "venv"), sys.executable, [rendered / "pyproject.toml"]
            )
            url = url_of(variant, name)
            create_database(rendered, environment, url)
            alembic(rendered, environment, url, "upgrade head")
            (rendered / "pages.py").write_text(script(variant.session))
            done = run(environment / "python", "pages.py", cwd=rendered, DATABASE_URL=url)
            print(f"{variant}: {done.stdout.splitlines()[-1]}", flush=True)


if __name__ == "__main__":
    main()
