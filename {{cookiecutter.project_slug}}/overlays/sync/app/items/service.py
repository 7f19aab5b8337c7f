"""Operations on items; the caller commits."""

from collections.abc import Sequence

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.database import Ordering, Slice, WriteSession, read_page, store_rows
from app.items.models import Item
from app.items.schemas import ItemCreate, ItemUpdate

# Built once: building a statement takes longer than sending it.
ITEM_BY_ID = select(Item).where(Item.id == bindparam("item_id"))

BY_ID = Ordering("items", Item.id)


def create_item(session: WriteSession, data: ItemCreate) -> Item:
    """Store one item; the flush sets its key."""
    item = Item(**data.model_dump())
    session.add(item)
    session.flush()
    return item


def create_items(session: WriteSession, data: Sequence[ItemCreate]) -> int:
    """Store many items, all or none; return their number."""
    store_rows(session, Item, [item.model_dump() for item in data])
    return len(data)


def get_item(session: Session, item_id: int) -> Item | None:
    """Find an item by its key."""
    return session.scalar(ITEM_BY_ID, {"item_id": item_id})


def list_items(
    session: Session,
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
    return read_page(session, query, BY_ID, limit=limit, cursor=cursor)


def update_item(session: WriteSession, item: Item, data: ItemUpdate) -> Item:
    """Change only the fields that the client sent."""
    for name, value in data.model_dump(exclude_unset=True).items():
        setattr(item, name, value)
    session.flush()
    return item


def delete_item(session: WriteSession, item: Item) -> None:
    """Remove an item."""
    session.delete(item)
    session.flush()
