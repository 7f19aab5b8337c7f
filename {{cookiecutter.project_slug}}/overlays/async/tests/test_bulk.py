"""Many rows are part of the transaction like one."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from app.bulk import store_rows
from app.database import Database
from app.items.models import Item
from app.reading import ReadOnlyError

pytestmark = pytest.mark.commits

STRANGE = "tab\t line\n back\\slash \\N é 🚀 'quote'"
ROWS = [
    {"name": STRANGE, "category": "strange", "quantity": 1},
    *({"name": f"Lamp {number}", "category": "light", "quantity": 2} for number in range(2000)),
]


async def count_items(db: Database) -> int:
    async with db.readers() as reader:
        return await reader.scalar(select(func.count()).select_from(Item)) or 0


async def test_many_rows_are_stored_as_they_are(db: Database) -> None:
    async with db.sessions.begin() as session:
        await store_rows(session, Item, ROWS)
        await store_rows(session, Item, [])
    assert await count_items(db) == len(ROWS)
    async with db.readers() as reader:
        found = await reader.scalar(select(Item.name).where(Item.category == "strange"))
    assert found == STRANGE


@pytest.mark.parametrize("again", [[], ROWS[:1]], ids=["a bug", "a duplicate"])
async def test_many_rows_are_rolled_back_with_their_transaction(
    again: list[dict[str, object]], db: Database
) -> None:
    async def store_and_fail() -> None:
        async with db.sessions.begin() as session:
            await store_rows(session, Item, ROWS)
            await store_rows(session, Item, again)
            raise ValueError("a bug")

    with pytest.raises((DBAPIError, ValueError)):
        await store_and_fail()
    assert await count_items(db) == 0


async def test_a_reader_stores_no_rows(db: Database) -> None:
    async with db.readers() as reader:
        with pytest.raises(ReadOnlyError):
            await store_rows(reader, Item, ROWS)
    assert await count_items(db) == 0
