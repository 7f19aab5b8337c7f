"""What each layer of the rendered project adds to a GET: CPU time, one process, no server.

Copied beside the references into a rendered async project, and run in its environment.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import inlined
from app import errors
from app.database import ReaderDep
from app.items.models import Item
from app.items.schemas import ItemRead
from app.main import app as whole
from app.middleware import RequestContext
from fastapi import Depends, FastAPI, Request
from sqlalchemy.ext.asyncio import AsyncSession

ROUNDS = 25
CALLS = 100


async def one_dependency(request: Request) -> AsyncIterator[AsyncSession]:
    db = request.state.db
    async with db.slots, db.readers() as reader:
        yield reader


OneDep = Annotated[AsyncSession, Depends(one_dependency, scope="function")]

in_endpoint, with_slot, by_one, by_two, around = (FastAPI() for _ in range(5))
errors.install(around)
around.add_middleware(RequestContext, https_only=True)


@in_endpoint.get("/items/{item_id}", response_model=ItemRead)
async def read(request: Request, item_id: int) -> Item:
    async with request.state.db.readers() as reader:
        item: Item = await reader.get_one(Item, item_id)
        return item


@with_slot.get("/items/{item_id}", response_model=ItemRead)
async def read_with_slot(request: Request, item_id: int) -> Item:
    async with request.state.db.slots, request.state.db.readers() as reader:
        item: Item = await reader.get_one(Item, item_id)
        return item


@by_one.get("/items/{item_id}", response_model=ItemRead)
async def read_by_one(reader: OneDep, item_id: int) -> Item:
    return await reader.get_one(Item, item_id)


@by_two.get("/items/{item_id}", response_model=ItemRead)
@around.get("/items/{item_id}", response_model=ItemRead)
async def read_by_two(reader: ReaderDep, item_id: int) -> Item:
    return await reader.get_one(Item, item_id)


STEPS = {
    "`inlined`, for comparison": inlined.app,
    "a reader in AUTOCOMMIT, opened in the endpoint": in_endpoint,
    "with a slot": with_slot,
    "as one dependency of function scope": by_one,
    "as two, so that all sessions of a request share one slot": by_two,
    "with the id, the headers and the line in the log": around,
    "the whole project: routers, the limit on bodies": whole,
}


async def call(app: Any, state: Any) -> None:
    scope = {
        "type": "http", "method": "GET", "path": "/items/1", "raw_path": b"/items/1",
        "query_string": b"", "headers": [(b"host", b"bench")], "state": dict(state),
        "http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80), "root_path": "", "asgi": {"version": "3.0"},
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert sent[0]["status"] == 200


async def main() -> None:
    found: dict[str, list[float]] = {name: [] for name in STEPS}
    async with whole.router.lifespan_context(whole) as state:
        for _ in range(ROUNDS):
            for name, app in STEPS.items():
                begin = time.process_time()
                for _ in range(CALLS):
                    await call(app, state)
                found[name].append((time.process_time() - begin) / CALLS * 1e6)
    for name, microseconds in found.items():
        print(f"| {name} | {statistics.quantiles(microseconds, n=10)[0]:.0f} |")


asyncio.run(main())
