"""Operations on items; the caller commits."""

from collections.abc import Sequence

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Ordering, Slice, WriteSession, read_page, store_rows
from app.items.models import Item
from app.items.schemas import ItemCreate, ItemUpdate

# Built once: building a statement takes longer than sending it.
ITEM_BY_ID = select(Item).where(Item.id == bindparam("item_id"))

BY_ID = Ordering("items", Item.id)


async def create_item(session: WriteSession, data: ItemCreate) -> Item:
    """Store one item; the flush sets its key."""
    item = Item(**data.model_dump())
    session.add(item)
    await session.flush()
    return item


async def create_items(session: WriteSession, data: Sequence[ItemCreate]) -> int:
    """Store many items, all or none; return their number."""
    await store_rows(session, Item, [item.model_dump() for item in data])
    return len(data)


async def get_item(session: AsyncSession, item_id: int) -> Item | None:
    """Find an item by its key."""
    return await session.scalar(ITEM_BY_ID, {"item_id": item_id})


async def list_items(
    session: AsyncSession,
    *,
    limit: int,
    cursor: str | None = None,
    category: str | None = None,
) -> Slice:
    """Return up to `limit` items in the order of their keys.

    As rows, not as entities: they are not changed, and a page costs less so.
    """
    query = select(Item.__table__)
    if category is not None:
        query = query.where(Item.category == category)
    return await read_page(session, query, BY_ID, limit=limit, cursor=cursor)


async def update_item(session: WriteSession, item: Item, data: ItemUpdate) -> Item:
    """Change only the fields that the client sent."""
    for name, value in data.model_dump(exclude_unset=True).items():
        setattr(item, name, value)
    await session.flush()
    return item


async def delete_item(session: WriteSession, item: Item) -> None:
    """Remove an item."""
    await session.delete(item)
    await session.flush()
