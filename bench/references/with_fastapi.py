"""Reference (b): FastAPI and a response model on the raw driver.

Written for async drivers; `await` and `async` are removed for sync ones.
"""

from typing import Any

import raw
from fastapi import FastAPI
from models import Created, ItemCreate, ItemRead, ItemUpdate, Page

app = FastAPI()


@app.get("/items/{item_id}", response_model=ItemRead)
async def get_item(item_id: int) -> Any:
    return await raw.get(item_id)


@app.get("/items", response_model=Page)
async def list_items(limit: int = 50) -> Any:
    return await raw.read_page(limit)


@app.post("/items", response_model=ItemRead, status_code=201)
async def create_item(data: ItemCreate) -> Any:
    return await raw.create(data.model_dump())


@app.patch("/items/{item_id}", response_model=ItemRead)
async def update_item(item_id: int, data: ItemUpdate) -> Any:
    return await raw.update(item_id, data.quantity)


@app.post("/items/bulk", response_model=Created, status_code=201)
async def create_items(data: list[ItemCreate]) -> Any:
    return await raw.store([it.model_dump() for it in data])
