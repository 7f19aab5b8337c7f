"""Many rows are stored like a single row, and as part of the transaction."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import (
    JSON,
    Dialect,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    TypeDecorator,
    func,
    select,
    type_coerce,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Database, Timestamped, store_rows
from app.database.read_only import ReadOnlyError
from tests.guarantees.conftest import created
from tests.guarantees.products import Product

pytestmark = pytest.mark.commits


class Sealed(TypeDecorator[str]):
    """Stores another text than the given one, as an encrypting type does."""

    impl = String(100)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value[::-1] if value else value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return value[::-1] if value else value


class SampleColor(Enum):
    RED = "a red one"
    BLUE = "a blue one"


class Own(Base):
    __abstract__ = True
    metadata = MetaData()


class SampleThing(Timestamped, Own):
    """A column of every common type, and every kind of default."""

    __tablename__ = "test_things"

    id: Mapped[int] = mapped_column(primary_key=True)
    sealed: Mapped[str] = mapped_column(Sealed)
    color: Mapped[SampleColor]
    extra: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    key: Mapped[UUID]
    amount: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    ratio: Mapped[float]
    blob: Mapped[bytes] = mapped_column(LargeBinary)
    moment: Mapped[datetime]
    day: Mapped[date]
    hour: Mapped[time]
    pause: Mapped[timedelta]
    flag: Mapped[bool]
    label: Mapped[str | None] = mapped_column("label text", String(100))
    scalar: Mapped[int] = mapped_column(default=7)
    made: Mapped[UUID] = mapped_column(default=uuid4)
    by_server: Mapped[str] = mapped_column(String(20), server_default="from the server")
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}


class SampleStamped(Own):
    """A default that is a SQL expression, and a context-sensitive default function."""

    __tablename__ = "test_stamped"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    lower: Mapped[str] = mapped_column(String(100), default=func.lower("BY SQL"))
    copy: Mapped[str] = mapped_column(
        String(100), default=lambda context: context.get_current_parameters()["name"]
    )


THING: dict[str, Any] = {
    "sealed": "me@example.com",
    "color": SampleColor.BLUE,
    "extra": {"a": [1, None, "é\t\\"]},
    "key": UUID(int=2**127),
    "amount": Decimal("1234.50"),
    "ratio": 0.1,
    "blob": b"\x00\\\n\xff",
    "moment": datetime(2026, 12, 1, 10, 0, 0, 250_000, UTC),
    "day": date(2026, 12, 1),
    "hour": time(10, 30),
    "pause": timedelta(days=1, seconds=2),
    "flag": True,
    "label": "tab\t and \\N",
}

STRANGE = "tab\t line\n back\\slash \\N é 🚀 'quote'"
ROWS = [
    {"name": STRANGE, "category": "strange", "quantity": 1},
    *({"name": f"Lamp {number}", "category": "light", "quantity": 2} for number in range(2000)),
]


def count_products(db: Database) -> int:
    with db.readers() as reader:
        return reader.scalar(select(func.count()).select_from(Product)) or 0


def test_many_rows_are_stored_unchanged(db: Database) -> None:
    with db.sessions.begin() as session:
        store_rows(session, Product, ROWS)
        store_rows(session, Product, [])
    assert count_products(db) == len(ROWS)
    with db.readers() as reader:
        found = reader.scalar(select(Product.name).where(Product.category == "strange"))
    assert found == STRANGE


@pytest.mark.parametrize("again", [[], ROWS[:1]], ids=["a bug", "a duplicate"])
def test_many_rows_are_rolled_back_with_their_transaction(
    again: list[dict[str, object]], db: Database
) -> None:
    def store_and_fail() -> None:
        with db.sessions.begin() as session:
            store_rows(session, Product, ROWS)
            store_rows(session, Product, again)
            raise ValueError("a bug")

    with pytest.raises((DBAPIError, ValueError)):
        store_and_fail()
    assert count_products(db) == 0


def test_a_reader_cannot_store_rows(db: Database) -> None:
    with db.readers() as reader:
        untyped: Any = reader  # a type checker would refuse it
        with pytest.raises(ReadOnlyError):
            store_rows(untyped, Product, ROWS)
    assert count_products(db) == 0


def test_many_rows_are_stored_like_a_single_row(db: Database) -> None:
    bare = THING | {"extra": None, "label": None}
    with created(db, Own.metadata):
        with db.sessions.begin() as session:
            session.add(SampleThing(**THING))
            session.flush()
            session.add(SampleThing(**bare))
            session.flush()
            store_rows(session, SampleThing, [THING, bare])
        with db.sessions() as session:
            things = (session.scalars(select(SampleThing).order_by(SampleThing.id))).all()
            raw = session.scalars(select(type_coerce(SampleThing.sealed, String)))
            assert {*raw} == {THING["sealed"][::-1]}
        one, one_bare, many, many_bare = (
            {name: getattr(it, name) for name in [*THING, "scalar", "by_server", "version"]}
            for it in things
        )
        assert (many, many_bare) == (one, one_bare)
        assert many["color"] is SampleColor.BLUE
        assert (many["scalar"], many["by_server"], many["version"]) == (7, "from the server", 1)
        assert len({it.made for it in things}) == len(things)
        now = datetime.now(UTC)
        assert all(now - timedelta(seconds=60) < it.created_at <= it.updated_at for it in things)


def test_sql_and_context_sensitive_defaults_are_applied(db: Database) -> None:
    rows = [{"name": "One"}, {"name": "Two"}]
    with created(db, Own.metadata):
        with db.sessions.begin() as session:
            store_rows(session, SampleStamped, rows)
            store_rows(session, SampleStamped, [{"name": "Three"}, {"name": "4", "copy": "5"}])
        with db.sessions() as session:
            found = (session.scalars(select(SampleStamped).order_by(SampleStamped.id))).all()
    assert [it.copy for it in found] == ["One", "Two", "Three", "5"]
    assert {it.lower for it in found} == {"by sql"}


def test_a_null_gets_the_same_default_as_in_a_single_row(db: Database) -> None:
    with created(db, Own.metadata):
        with db.sessions.begin() as session:
            store_rows(session, SampleThing, [THING, THING | {"scalar": None, "by_server": None}])
        with db.sessions() as session:
            found = (session.scalars(select(SampleThing))).all()
    assert [(it.scalar, it.by_server) for it in found] == [(7, "from the server")] * 2
