"""Pages contain every row once, in any order, forwards and backwards."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict
from sqlalchemy import MetaData, Numeric, String, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.database import Database, Descending, Ordering, Slice, read_page
from app.database.ordering import CursorError
from app.database.types import TYPES
from app.dependencies import ReaderDep
from app.web.pagination import Cursor, Limit, Page, page_of
from tests.guarantees.conftest import created
from tests.guarantees.products import Product

pytestmark = pytest.mark.commits

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Own(DeclarativeBase):
    metadata = MetaData()
    type_annotation_map = TYPES


class Grade(Enum):
    GOOD = "good"
    BEST = "best"


class SampleEntry(Own):
    __tablename__ = "test_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(20))
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    at: Mapped[datetime]
    done: Mapped[bool]
    grade: Mapped[Grade]
    note: Mapped[str | None] = mapped_column(String(20))
    ratio: Mapped[float]
    lasts: Mapped[timedelta]


ROWS: list[dict[str, Any]] = [
    {
        "id": number,
        "code": f"c{number * 7 % 25:02}",
        "name": f"n{number % 3}",
        "price": Decimal(number % 4) + Decimal("0.1"),
        "at": NOON + timedelta(microseconds=number % 5),
        "done": number % 2 == 0,
        "grade": list(Grade)[number % 2],
        "note": None,
        "ratio": 0.1,
        "lasts": timedelta(1),
    }
    for number in range(1, 26)
]
ORDERINGS = {
    "key": Ordering("key", SampleEntry.id),
    "key, descending": Ordering("key-", Descending(SampleEntry.id)),
    "unique text": Ordering("code", SampleEntry.code),
    "newest": Ordering("newest", Descending(SampleEntry.at), Descending(SampleEntry.id)),
    "both directions": Ordering("mixed", SampleEntry.name, Descending(SampleEntry.id)),
    "decimal": Ordering("price", SampleEntry.price, SampleEntry.id),
    "boolean": Ordering("done", SampleEntry.done, SampleEntry.id),
    "three": Ordering("three", SampleEntry.name, Descending(SampleEntry.at), SampleEntry.id),
}


@pytest.fixture
def entries(db: Database) -> Iterator[None]:
    """The table with 25 rows, many of which are equal in most columns."""
    with created(db, Own.metadata):
        with db.sessions.begin() as session:
            session.execute(insert(SampleEntry), ROWS)
        yield


def page(db: Database, ordering: Ordering, cursor: str | None, limit: int = 4) -> Slice:
    with db.readers() as reader:
        return read_page(reader, select(SampleEntry), ordering, limit=limit, cursor=cursor)


@pytest.mark.parametrize("ordering", ORDERINGS.values(), ids=ORDERINGS)
def test_every_row_is_on_one_page(ordering: Ordering, db: Database, entries: None) -> None:
    everything = page(db, ordering, None, 100)
    expected = [row.id for row in everything.rows]
    assert sorted(expected) == list(range(1, 26))
    assert (everything.next_cursor, everything.previous_cursor) == (None, None)

    seen: list[int] = []
    found = page(db, ordering, None)
    assert found.previous_cursor is None
    while True:
        seen += [row.id for row in found.rows]
        if found.next_cursor is None:
            break
        found = page(db, ordering, found.next_cursor)
    assert seen == expected

    back: list[int] = [row.id for row in found.rows]
    while found.previous_cursor is not None:
        found = page(db, ordering, found.previous_cursor)
        back = [row.id for row in found.rows] + back
        assert found.next_cursor is not None
    assert back == expected


def test_rows_of_a_table_are_paged_like_entities(db: Database, entries: None) -> None:
    ordering = ORDERINGS["newest"]
    query = select(SampleEntry.__table__)
    with db.readers() as reader:
        first = read_page(reader, query, ordering, limit=10)
        second = read_page(reader, query, ordering, limit=10, cursor=first.next_cursor)
    entities = page(db, ordering, None, 20)
    assert [row.id for row in [*first.rows, *second.rows]] == [row.id for row in entities.rows]


def test_rows_that_come_and_go_move_no_other(db: Database, entries: None) -> None:
    ordering = ORDERINGS["newest"]
    first = page(db, ordering, None)
    expected = (page(db, ordering, first.next_cursor)).rows
    with db.sessions.begin() as session:
        session.delete(session.get_one(SampleEntry, first.rows[0].id))
        session.delete(session.get_one(SampleEntry, first.rows[-1].id))
        newest = ROWS[0] | {"id": 100, "code": "new", "at": NOON + timedelta(days=1)}
        session.add(SampleEntry(**newest))
    second = page(db, ordering, first.next_cursor)
    assert [row.id for row in second.rows] == [row.id for row in expected]


def test_a_cursor_that_was_changed_or_is_of_another_list_is_rejected() -> None:
    ordering = ORDERINGS["newest"]
    cursor = ordering.encode(SampleEntry(**ROWS[0]), backwards=False)
    assert ordering.decode(cursor).values == (ROWS[0]["at"], 1)
    other = ORDERINGS["key"].encode(SampleEntry(**ROWS[0]), backwards=False)
    tampered = [cursor[:number] + "A" + cursor[number + 1 :] for number in range(len(cursor))]
    wrong = ["", " ", cursor + "=", cursor + " ", cursor[:-1], cursor[4:], other, "é", "MQ"]
    for candidate in [*wrong, *tampered]:
        try:
            position = ordering.decode(candidate)
        except CursorError:
            continue
        # What still reads like a position of this list is one.
        assert candidate == ordering.text_of((ordering.name, position.backwards, *position.values))


def test_a_cursor_that_is_none_is_422(
    app: FastAPI, client: TestClient, db: Database, entries: None
) -> None:
    class EntryRead(BaseModel):
        model_config = ConfigDict(from_attributes=True)

        id: int

    @app.get("/test-entries")
    def list_entries(
        reader: ReaderDep, limit: Limit = 10, cursor: Cursor = None
    ) -> Page[EntryRead]:
        query = select(SampleEntry)
        found = read_page(reader, query, ORDERINGS["decimal"], limit=limit, cursor=cursor)
        return page_of(EntryRead, found)

    first = client.get("/test-entries")
    assert len(first.json()["items"]) == 10
    key = ORDERINGS["key"].encode(SampleEntry(**ROWS[0]), backwards=False)
    for cursor in ("", "MQ", "no cursor", key, first.json()["next_cursor"] + "="):
        refused = client.get("/test-entries", params={"cursor": cursor})
        assert refused.status_code == 422, cursor
        (error,) = refused.json()["errors"]
        assert error["loc"] == ["query", "cursor"]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ((SampleEntry.note, SampleEntry.id), "note may be null"),
        ((SampleEntry.name,), "name is not unique"),
        ((SampleEntry.id, SampleEntry.ratio), "ratio is Double"),
        ((SampleEntry.lasts, SampleEntry.id), "lasts is Duration"),
        ((SampleEntry.grade, SampleEntry.id), "grade is Enum"),
        ((Product.category, Product.quantity), "quantity is not unique"),
    ],
)
def test_an_order_that_would_lose_or_repeat_rows_is_refused(
    columns: tuple[Any, ...], reason: str
) -> None:
    with pytest.raises(TypeError, match=reason):
        Ordering("refused", *columns)
