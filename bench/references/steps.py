"""What each layer of the rendered project adds to a GET: CPU time, one process, no server.

Copied beside the references into a rendered async project, and run in its environment.
"""

import asyncio
import statistics
import time
from typing import Any

import inlined
from app import errors
from app.database import ReaderDep
from app.items import service
from app.items.models import Item
from app.items.router import found
from app.items.schemas import ItemRead
from app.main import app as whole
from app.middleware import RequestContext
from fastapi import FastAPI, Request

ROUNDS = 25
CALLS = 100


in_endpoint, with_slot, by_dependency, around = (FastAPI() for _ in range(4))
errors.install(around)
around.add_middleware(RequestContext, https_only=True)


@in_endpoint.get("/items/{item_id}", response_model=ItemRead)
async def read(request: Request, item_id: int) -> Item:
    async with request.state.db.readers() as reader:
        return found(await service.get_item(reader, item_id))


@with_slot.get("/items/{item_id}", response_model=ItemRead)
async def read_with_slot(request: Request, item_id: int) -> Item:
    async with request.state.db.slots, request.state.db.readers() as reader:
        return found(await service.get_item(reader, item_id))


@by_dependency.get("/items/{item_id}", response_model=ItemRead)
@around.get("/items/{item_id}", response_model=ItemRead)
async def read_by_dependency(reader: ReaderDep, item_id: int) -> Item:
    return found(await service.get_item(reader, item_id))


STEPS = {
    "`inlined`, for comparison": inlined.app,
    "a reader in AUTOCOMMIT, opened in the endpoint": in_endpoint,
    "with a slot": with_slot,
    "as a dependency of function scope": by_dependency,
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
