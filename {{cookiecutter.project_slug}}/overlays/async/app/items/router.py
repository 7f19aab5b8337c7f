"""Items over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Body, HTTPException, Path, Query, status

from app.dependencies import ReaderDep, SessionDep
from app.items import service
from app.items.models import Item
from app.items.schemas import BulkCreated, Category, ItemCreate, ItemRead, ItemUpdate
from app.web.fields import MAX_INTEGER
from app.web.openapi import problems
from app.web.pagination import Cursor, Limit, Page, page_of

router = APIRouter(prefix="/items", tags=["items"], responses=problems(503))

ItemId = Annotated[int, Path(ge=1, le=MAX_INTEGER)]
Bulk = Annotated[list[ItemCreate], Body(min_length=1, max_length=1000)]


def found(item: Item | None) -> Item:
    """Return the item, or raise 404 if there is none."""
    if item is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such item.")
    return item


@router.post(
    "",
    response_model=ItemRead,
    status_code=status.HTTP_201_CREATED,
    responses=problems(409),
)
async def create_item(session: SessionDep, data: ItemCreate) -> Item:
    """Store one item."""
    return await service.create_item(session, data)


@router.post("/bulk", status_code=status.HTTP_201_CREATED, responses=problems(409))
async def create_items(session: SessionDep, data: Bulk) -> BulkCreated:
    """Store up to 1000 items, all or none."""
    created = await service.create_items(session, data)
    return BulkCreated(created=created)


@router.get("")
async def list_items(
    reader: ReaderDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    category: Annotated[Category | None, Query()] = None,
) -> Page[ItemRead]:
    """Read a page; the next one begins at `next_cursor`."""
    page = await service.list_items(reader, limit=limit, cursor=cursor, category=category)
    return page_of(ItemRead, page)


@router.get("/{item_id}", response_model=ItemRead, responses=problems(404))
async def get_item(reader: ReaderDep, item_id: ItemId) -> Item:
    """Read one item."""
    item = await service.get_item(reader, item_id)
    return found(item)


@router.patch("/{item_id}", response_model=ItemRead, responses=problems(404, 409))
async def update_item(session: SessionDep, item_id: ItemId, data: ItemUpdate) -> Item:
    """Change some fields of an item."""
    item = await service.get_item(session, item_id)
    return await service.update_item(session, found(item), data)


@router.delete("/{item_id}", status_code=status.HTTP_204_NO_CONTENT, responses=problems(404))
async def delete_item(session: SessionDep, item_id: ItemId) -> None:
    """Remove an item."""
    item = await service.get_item(session, item_id)
    await service.delete_item(session, found(item))
