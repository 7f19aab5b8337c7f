"""Random rows can be stored on this database, and nothing of them remains."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import JSON, Computed, ForeignKey, MetaData, Numeric, String, func, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Database, Timestamped
from tests.factories import Factory, builder_of, numbered, store
from tests.guarantees.conftest import created
from tests.guarantees.products import Product, ProductCreate

pytestmark = pytest.mark.commits


class Own(Base):
    __abstract__ = True
    metadata = MetaData()


class SampleSize(Enum):
    SMALL = "small"
    LARGE = "large"


class SampleParcel(Timestamped, Own):
    """A model without a factory."""

    __tablename__ = "test_parcels"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    sent: Mapped[datetime]
    due: Mapped[date]
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    twice: Mapped[Decimal] = mapped_column(Numeric(12, 2), Computed("price * 2", persisted=True))
    fragile: Mapped[bool]
    size: Mapped[SampleSize]
    extra: Mapped[Any] = mapped_column(JSON)
    note: Mapped[str | None] = mapped_column(String(10))


class SampleLabel(Own):
    """A row that refers to one of that model."""

    __tablename__ = "test_labels"

    id: Mapped[int] = mapped_column(primary_key=True)
    parcel_id: Mapped[UUID] = mapped_column(ForeignKey(SampleParcel.id), unique=True)


class ProductFactory(Factory[ProductCreate]):
    __stores__ = Product

    name = numbered(lambda number: f"Product {number}")
    quantity = 3


@pytest.fixture
def tables(db: Database) -> Iterator[None]:
    with created(db, Own.metadata):
        yield


def count_rows(db: Database, model: type[Any]) -> int:
    with db.readers() as reader:
        return reader.scalar(select(func.count()).select_from(model)) or 0


def test_a_thousand_rows_are_valid_and_unique(db: Database) -> None:
    assert builder_of(Product)().id is None
    with db.sessions.begin() as session:
        products = store(session, Product, 1000, category="random")
        assert len({product.id for product in products}) == 1000
        assert len({product.name for product in products}) == 1000
    assert count_rows(db, Product) == 1000


def store_and_fail(db: Database) -> None:
    with db.sessions.begin() as session:
        store(session, Product, 10)
        assert count_rows(db, Product) == 0
        raise ZeroDivisionError


def test_nothing_is_committed(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        store_and_fail(db)
    assert count_rows(db, Product) == 0


def test_a_model_without_a_factory_gets_random_values(db: Database, tables: None) -> None:
    with db.sessions.begin() as session:
        labels = store(session, SampleLabel, 1000)
        (parcel,) = store(session, SampleParcel, price=Decimal("1.50"))
        assert (parcel.twice, parcel.note) == (Decimal("3.00"), None)
        assert parcel.sent.utcoffset() is not None
        # Not Faker's own range, which ends now: it gives other values in every run.
        sent = session.scalars(select(SampleParcel.sent))
        assert {moment.year for moment in sent} == {*range(2000, 2026)}
    assert len({label.parcel_id for label in labels}) == 1000
    assert count_rows(db, SampleParcel) == 1001


def test_what_a_client_sends_is_the_same_in_every_run() -> None:
    def build() -> list[ProductCreate]:
        ProductFactory.seed_random(1)
        return ProductFactory.batch(10, name="Lamp")

    assert build() == build()
    assert all(product.category.strip(" .") == product.category for product in build())
