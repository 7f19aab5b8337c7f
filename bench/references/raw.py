"""The raw drivers of the references (a) and (b), without SQLAlchemy.

A queue holds a fixed number of connections, and each statement runs by itself. Written for
async drivers; `await` and `async` are removed for sync ones. Reads `BENCH_URL` and
`DATABASE_POOL_SIZE` from the environment.
"""

import asyncio
import importlib
import os
import queue  # noqa: F401
from typing import Any

import statements
from sqlalchemy import make_url

URL = make_url(os.environ["BENCH_URL"])
DRIVER = URL.get_driver_name().replace("pysqlite", "sqlite3").replace("mysqldb", "MySQLdb")
POOL_SIZE = int(os.environ["DATABASE_POOL_SIZE"])
SQL = statements.of(DRIVER)
Row = tuple[Any, ...]

driver = importlib.import_module(DRIVER)
free: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
opened: list[Any] = []


async def connect() -> Any:
    """Open a connection in AUTOCOMMIT, in the way of each driver."""
    part = URL.translate_connect_args(username="user")
    if DRIVER == "asyncpg":
        return await driver.connect(**part, **URL.query)
    if DRIVER in {"psycopg", "psycopg2"}:
        part["dbname"] = part.pop("database")
        connect = getattr(driver, "AsyncConnection", driver).connect
        connection = await connect(**part, **URL.query)
        if DRIVER == "psycopg2":
            connection.autocommit = True
        else:
            await connection.set_autocommit(True)
        return connection
    if DRIVER in {"aiosqlite", "sqlite3"}:
        shared = {"check_same_thread": False, "isolation_level": None, "timeout": 30}
        connection = await driver.connect(part["database"], **shared)
        await connection.execute("PRAGMA synchronous = NORMAL")
        return connection
    part["db"] = part.pop("database")
    return await driver.connect(**part, autocommit=True)


async def acquire() -> Any:
    """Take a connection, or wait for one."""
    if free.empty() and len(opened) < POOL_SIZE:
        opened.append(None)
        return await connect()
    return await free.get()


async def run(statement: str, *values: Any) -> list[Row]:
    """Run one statement and return its rows."""
    connection = await acquire()
    try:
        if DRIVER == "asyncpg":
            return list(await connection.fetch(statement, *values))
        cursor = await new_cursor(connection)
        await cursor.execute(statement, values)
        rows = list(await cursor.fetchall()) if cursor.description else []
        await cursor.close()
        return rows
    finally:
        free.put_nowait(connection)


async def run_many(statement: str, rows: list[Row]) -> None:
    """Run one statement for many rows, in one transaction."""
    connection = await acquire()
    try:
        if DRIVER == "asyncpg":
            await connection.executemany(statement, rows)
            return
        cursor = await new_cursor(connection)
        await cursor.execute("BEGIN")
        await cursor.executemany(statement, rows)
        await cursor.execute("COMMIT")
        await cursor.close()
    finally:
        free.put_nowait(connection)


async def new_cursor(connection: Any) -> Any:
    """Open a cursor; only with aiosqlite this must be awaited."""
    return await connection.cursor() if DRIVER == "aiosqlite" else connection.cursor()


async def get(item_id: int) -> dict[str, Any]:
    """Read one item."""
    (row,) = await run(SQL.get, item_id)
    return dict(zip(statements.COLUMNS, row, strict=True))


async def read_page(limit: int) -> dict[str, Any]:
    """Read a list."""
    rows = await run(SQL.list, limit)
    return {"items": [dict(zip(statements.COLUMNS, row, strict=True)) for row in rows]}


async def create(data: dict[str, Any]) -> dict[str, Any]:
    """Store one item."""
    ((key,),) = await run(SQL.insert, data["name"], data["category"], data["quantity"])
    return {"id": key, **data}


async def update(item_id: int, quantity: int) -> dict[str, Any]:
    """Change one item."""
    await run(SQL.update, quantity, item_id)
    return await get(item_id)


async def store(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Store many items."""
    rows = [(it["name"], it["category"], it["quantity"]) for it in items]
    await run_many(SQL.store, rows)
    return {"created": len(rows)}
