"""Reference (c): the ORM written into each endpoint, without dependencies and guarantees.

Written for async sessions; `await` and `async` are removed for sync ones.
"""

import os

from fastapi import FastAPI
from models import Created, ItemCreate, ItemRead, ItemUpdate, Page
from sqlalchemy import String, insert, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

URL = os.environ["BENCH_URL"]
OPTIONS = {"connect_args": {"timeout": 30}} if URL.startswith("sqlite") else {}
POOL_SIZE = int(os.environ["DATABASE_POOL_SIZE"])
engine = create_async_engine(URL, pool_size=POOL_SIZE, max_overflow=0, **OPTIONS)
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """The base of the model."""


class Item(Base):
    """The table of the rendered project."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    category: Mapped[str] = mapped_column(String(50), index=True)
    quantity: Mapped[int]


app = FastAPI()


@app.get("/items/{item_id}", response_model=ItemRead)
async def get_item(item_id: int) -> Item:
    async with sessions() as session:
        return await session.get_one(Item, item_id)


@app.get("/items", response_model=Page)
async def list_items(limit: int = 50) -> dict[str, object]:
    async with sessions() as session:
        items = await session.scalars(select(Item).order_by(Item.id).limit(limit))
        return {"items": items.all()}


@app.post("/items", response_model=ItemRead, status_code=201)
async def create_item(data: ItemCreate) -> Item:
    async with sessions() as session:
        item = Item(**data.model_dump())
        session.add(item)
        await session.commit()
        return item


@app.patch("/items/{item_id}", response_model=ItemRead)
async def update_item(item_id: int, data: ItemUpdate) -> Item:
    async with sessions() as session:
        item = await session.get_one(Item, item_id)
        item.quantity = data.quantity
        await session.commit()
        return item


@app.post("/items/bulk", status_code=201)
async def create_items(data: list[ItemCreate]) -> Created:
    async with sessions() as session:
        await session.execute(insert(Item), [it.model_dump() for it in data])
        await session.commit()
    return Created(created=len(data))
