"""Types of sessions: a type checker must report the marked lines in a rendered project."""

from app.database import Database, WriteSession, store_rows
from app.dependencies import ReaderDep, SessionDep
from app.items import service
from app.items.models import Item
from app.items.schemas import ItemCreate
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

DATA = ItemCreate(name="Lamp", category="light", quantity=1)


async def use_of_a_library(session: AsyncSession) -> None:
    await session.execute(select(Item))


async def write_by_session(session: SessionDep) -> None:
    await service.create_item(session, DATA)
    await service.get_item(session, 1)
    await use_of_a_library(session)


async def write_by_reader(reader: ReaderDep) -> None:
    await service.create_item(reader, DATA)  # an error
    await store_rows(reader, Item, [])  # an error
    await service.get_item(reader, 1)
    await use_of_a_library(reader)


async def write_outside_requests(db: Database) -> None:
    async def work(session: WriteSession) -> Item:
        return await service.create_item(session, DATA)

    async def look(session: AsyncSession) -> Item | None:
        return await service.get_item(session, 1)

    async with db.sessions.begin() as session:
        await service.create_item(session, DATA)
    async with db.unit() as session:
        await service.create_item(session, DATA)
    await db.run(work)
    await db.run(look, read_only=True)
    async with db.readers() as reader:
        await service.get_item(reader, 1)
        await service.create_item(reader, DATA)  # an error
