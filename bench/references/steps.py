"""What each layer of the rendered project adds to a request: CPU time, one process, no server.

Copied with the references into a rendered async project, and run in its environment.
"""

import asyncio
import itertools
import json
import statistics
import time
from collections import defaultdict
from typing import Any

import inlined
from app.dependencies import ReaderDep, SessionDep
from app.items import service
from app.items.models import Item
from app.items.router import found
from app.items.schemas import ItemCreate, ItemRead
from app.main import app as whole
from app.web import errors
from app.web.request_context import RequestContext
from fastapi import FastAPI, Request

ROUNDS = 25
CALLS = 100


in_endpoint, with_slot, by_dependency, around = (FastAPI() for _ in range(4))
errors.install(around)
around.add_middleware(RequestContext, https_only=True, max_body_size=2**20, cors_origins=[])


@in_endpoint.get("/items/{item_id}", response_model=ItemRead)
async def read(request: Request, item_id: int) -> Item:
    async with request.state.db.readers() as reader:
        return found(await service.get_item(reader, item_id))


@with_slot.get("/items/{item_id}", response_model=ItemRead)
async def read_with_slot(request: Request, item_id: int) -> Item:
    db = request.state.db
    async with db.reader_queue.slot(), db.readers() as reader:
        return found(await service.get_item(reader, item_id))


@by_dependency.get("/items/{item_id}", response_model=ItemRead)
@around.get("/items/{item_id}", response_model=ItemRead)
async def read_by_dependency(reader: ReaderDep, item_id: int) -> Item:
    return found(await service.get_item(reader, item_id))


@in_endpoint.post("/items", response_model=ItemRead, status_code=201)
async def create(request: Request, data: ItemCreate) -> Item:
    async with request.state.db.sessions.begin() as session:
        return await service.create_item(session, data)


@with_slot.post("/items", response_model=ItemRead, status_code=201)
async def create_with_slot(request: Request, data: ItemCreate) -> Item:
    db = request.state.db
    async with db.writer_queue.slot(), db.transaction() as session:
        return await service.create_item(session, data)


@by_dependency.post("/items", response_model=ItemRead, status_code=201)
@around.post("/items", response_model=ItemRead, status_code=201)
async def create_by_dependency(session: SessionDep, data: ItemCreate) -> Item:
    return await service.create_item(session, data)


STEPS = {
    "`inlined`, for comparison": inlined.app,
    "the session, opened in the endpoint": in_endpoint,
    "with a slot": with_slot,
    "as a dependency of function scope": by_dependency,
    "with the id, the headers and the line in the log": around,
    "the whole project: routers, the limit on bodies": whole,
}
new_names = itertools.count(time.time_ns())


def get() -> tuple[str, str, bytes]:
    return "GET", "/items/1", b""


def post() -> tuple[str, str, bytes]:
    item = {"name": str(next(new_names)), "category": "bench", "quantity": 1}
    return "POST", "/items", json.dumps(item).encode()


async def call(app: Any, state: Any, method: str, path: str, body: bytes) -> None:
    headers = [(b"host", b"bench"), (b"content-length", str(len(body)).encode())]
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [*headers, (b"content-type", b"application/json")],
        "state": dict(state), "http_version": "1.1", "scheme": "http",
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "root_path": "",
        "asgi": {"version": "3.0"},
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert sent[0]["status"] in {200, 201}


async def main() -> None:
    spent: dict[tuple[str, Any], list[float]] = defaultdict(list)
    async with whole.router.lifespan_context(whole) as state:
        for _ in range(ROUNDS):
            for step, app in STEPS.items():
                for request in (get, post):
                    begin = time.process_time()
                    for _ in range(CALLS):
                        await call(app, state, *request())
                    spent[step, request].append((time.process_time() - begin) / CALLS * 1e6)
    for step in STEPS:
        cells = (statistics.quantiles(spent[step, it], n=10)[0] for it in (get, post))
        print(f"| {step} |", " | ".join(f"{it:.0f}" for it in cells), "|")


asyncio.run(main())
