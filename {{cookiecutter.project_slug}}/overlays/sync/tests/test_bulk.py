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


def count_items(db: Database) -> int:
    with db.readers() as reader:
        return reader.scalar(select(func.count()).select_from(Item)) or 0


def test_many_rows_are_stored_as_they_are(db: Database) -> None:
    with db.sessions.begin() as session:
        store_rows(session, Item, ROWS)
        store_rows(session, Item, [])
    assert count_items(db) == len(ROWS)
    with db.readers() as reader:
        found = reader.scalar(select(Item.name).where(Item.category == "strange"))
    assert found == STRANGE


@pytest.mark.parametrize("again", [[], ROWS[:1]], ids=["a bug", "a duplicate"])
def test_many_rows_are_rolled_back_with_their_transaction(
    again: list[dict[str, object]], db: Database
) -> None:
    def store_and_fail() -> None:
        with db.sessions.begin() as session:
            store_rows(session, Item, ROWS)
            store_rows(session, Item, again)
            raise ValueError("a bug")

    with pytest.raises((DBAPIError, ValueError)):
        store_and_fail()
    assert count_items(db) == 0


def test_a_reader_stores_no_rows(db: Database) -> None:
    with db.readers() as reader, pytest.raises(ReadOnlyError):
        store_rows(reader, Item, ROWS)
    assert count_items(db) == 0
