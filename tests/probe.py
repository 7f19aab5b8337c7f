"""Endpoints that cause faults, copied into a rendered project and added to its own.

Written for async sessions; `await` and `async` are removed for sync ones.
"""

import asyncio
import os
import signal
import time  # noqa: F401
from collections.abc import AsyncIterator, Iterator  # noqa: F401
from typing import Annotated

from app.dependencies import DatabaseDep, ReaderDep, SessionDep
from app.items.models import Item
from app.main import app
from fastapi import BackgroundTasks, Depends, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

# A statement that sleeps on the server; SQLite has none.
PAUSES = {
    "postgresql": text("SELECT pg_sleep(:seconds)"),
    # `SELECT sleep()` alone would return 1 instead of an error when the server ends it.
    "mysql": text("SELECT 1 WHERE sleep(:seconds) = 0"),
    "mariadb": text("SELECT sleep(:seconds)"),
}


async def pause(session: SessionDep, seconds: float) -> None:
    statement = PAUSES.get(session.get_bind().dialect.name)
    if statement is None:
        await asyncio.sleep(seconds)
    else:
        await session.execute(statement, {"seconds": seconds})


@app.get("/probe/slow")
async def slow(session: SessionDep, seconds: float) -> int:
    await pause(session, seconds)
    return 1


@app.get("/probe/idle")
async def idle(session: SessionDep, seconds: float) -> int:
    await session.scalar(select(Item.id).limit(1))
    await asyncio.sleep(seconds)
    await session.scalar(select(Item.id).limit(1))
    return 1


@app.post("/probe/write")
async def write(session: SessionDep, name: str, seconds: float) -> None:
    session.add(Item(name=name, category="gone", quantity=1))
    await session.flush()
    await pause(session, seconds)


async def store_later(session: SessionDep, name: str, seconds: float) -> None:
    session.add(Item(name=name, category="later", quantity=1))
    await session.flush()
    await pause(session, seconds)


@app.post("/probe/later", status_code=202)
async def later(
    request: Request, session: SessionDep, tasks: BackgroundTasks, name: str, seconds: float
) -> None:
    await session.scalar(text("SELECT 1"))
    tasks.add_task(request.state.db.run_in_background, store_later, name, seconds)


@app.post("/probe/add")
async def add(session: SessionDep, item_id: int) -> None:
    item = await session.get_one(Item, item_id)
    item.quantity += 1


@app.get("/probe/ask")
async def ask(session: SessionDep, question: str) -> int:
    answer = await session.scalar(text(question))
    return int(answer or 0)


@app.get("/probe/read")
async def read(reader: ReaderDep, item_id: int) -> int:
    item = await reader.get_one(Item, item_id)
    return item.quantity


async def by_reading(db: DatabaseDep) -> int:
    async with db.reading() as reader:
        return await reader.scalar(select(Item.id).limit(1)) or 0


async def by_reader(reader: ReaderDep) -> int:
    return await reader.scalar(select(Item.id).limit(1)) or 0


@app.get("/probe/user-by-reading")
async def user_by_reading(
    user: Annotated[int, Depends(by_reading)], reader: ReaderDep, item_id: int
) -> int:
    item = await reader.get_one(Item, item_id)
    return item.quantity


@app.get("/probe/user-by-reader")
async def user_by_reader(
    user: Annotated[int, Depends(by_reader)], reader: ReaderDep, item_id: int
) -> int:
    item = await reader.get_one(Item, item_id)
    return item.quantity


@app.get("/probe/reader")
async def reader(reader: ReaderDep, question: str) -> int:
    return int(await reader.scalar(select(text(question))) or 0)


@app.post("/probe/own")
async def own(db: DatabaseDep, name: str) -> int:
    """Write, and read it in the same request."""
    async with db.unit() as session:
        session.add(Item(name=name, category="own", quantity=1))
    async with db.reading() as reader:
        return len((await reader.scalars(select(Item).where(Item.name == name))).all())


@app.get("/probe/steps")
async def steps(db: DatabaseDep, seconds: float) -> int:
    for wait in (seconds, 0):
        async with db.unit() as session:
            found = await session.scalar(select(Item.id).limit(1))
        await asyncio.sleep(wait)
    return found or 0


@app.get("/probe/parts")
async def parts(db: DatabaseDep, question: str) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        for asked in ("SELECT 1", question):
            async with db.unit() as session:
                answer = await session.scalar(text(asked))
            yield f"{answer};"

    return StreamingResponse(lines())


@app.post("/probe/stop")
async def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@app.get("/probe/held")
async def held(request: Request) -> list[int]:
    db = request.state.db
    queues = (db.writer_queue, db.reader_queue)
    return [
        db.engine.pool.checkedout() + db.reader_engine.pool.checkedout(),
        sum(it.waiting for it in queues),
        sum(it.free for it in queues),
    ]


@app.get("/probe/mood")
async def mood(reader: ReaderDep, number: int) -> str:
    """Read a value of an Enum type, which a driver looks up."""
    words = ("sad", "ok", "happy")
    query = select(text(f"CAST('{words[number % 3]}' AS mood), {number} + 0"))
    rows = await reader.execute(query)
    return " ".join(map(str, rows.one()))


@app.post("/probe/duplicate")
async def duplicate(session: SessionDep, name: str) -> None:
    for _ in range(2):
        await session.execute(insert(Item).values(name=name, category="twice", quantity=1))


@app.post("/probe/misfit")
async def misfit(session: SessionDep, name: str) -> None:
    await session.execute(insert(Item).values(name=name, category=None, quantity=1))


@app.post("/probe/unexpected")
async def unexpected(session: SessionDep, name: str) -> None:
    await session.execute(text("SELECT nothing FROM nowhere WHERE name = :name"), {"name": name})


@app.post("/probe/bug")
async def bug(session: SessionDep, request: Request, name: str) -> None:
    headers = dict(request.headers)
    try:
        await duplicate(session, name)
    except DBAPIError as error:
        raise RuntimeError(f"a bug beside {len(headers)} headers") from error


@app.post("/probe/background")
async def background(request: Request, tasks: BackgroundTasks, name: str) -> None:
    async def work() -> None:
        async with request.state.db.sessions.begin() as session:
            await duplicate(session, name)

    tasks.add_task(work)
