"""Reference (a): Starlette on the raw driver."""

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

import raw
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Await an async driver; call a sync one in a thread."""
    if iscoroutinefunction(function):
        return await function(*arguments)
    return await run_in_threadpool(function, *arguments)


async def get_item(request: Request) -> JSONResponse:
    return JSONResponse(await call(raw.get, int(request.path_params["item_id"])))


async def list_items(request: Request) -> JSONResponse:
    return JSONResponse(await call(raw.read_page, int(request.query_params["limit"])))


async def create_item(request: Request) -> JSONResponse:
    return JSONResponse(await call(raw.create, await request.json()), 201)


async def update_item(request: Request) -> JSONResponse:
    data = await request.json()
    item_id = int(request.path_params["item_id"])
    return JSONResponse(await call(raw.update, item_id, data["quantity"]))


async def create_items(request: Request) -> JSONResponse:
    return JSONResponse(await call(raw.store, await request.json()), 201)


app = Starlette(
    routes=[
        Route("/items/bulk", create_items, methods=["POST"]),
        Route("/items/{item_id}", get_item),
        Route("/items/{item_id}", update_item, methods=["PATCH"]),
        Route("/items", list_items),
        Route("/items", create_item, methods=["POST"]),
    ]
)
