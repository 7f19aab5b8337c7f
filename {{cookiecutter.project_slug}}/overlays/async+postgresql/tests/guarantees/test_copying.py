"""COPY is used where it can be, and writes into the schema of the table."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, event, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateSchema, DropSchema

from app.database import Database, store_rows
from tests.guarantees.conftest import created
from tests.guarantees.products import Product
from tests.guarantees.test_bulk import THING, Own, SampleStamped, SampleThing

pytestmark = pytest.mark.commits


class Archive(DeclarativeBase):
    metadata = MetaData(schema="old years")


class Year(Archive):
    __tablename__ = "test_years"

    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column("Value")


async def test_rows_are_copied_into_the_schema_of_the_table(db: Database) -> None:
    async with db.engine.begin() as connection:
        await connection.execute(CreateSchema("old years"))
    async with created(db, Archive.metadata), db.sessions.begin() as session:
        await store_rows(session, Year, [{"value": 1999}, {"value": 2000}])
        assert await session.scalar(select(func.sum(Year.value))) == 3999
    async with db.engine.begin() as connection:
        await connection.execute(DropSchema("old years"))


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Collect the statements that SQLAlchemy sends; COPY bypasses it and uses the driver."""
    sent: list[str] = []

    def note(*arguments: Any) -> None:
        sent.append(arguments[2])

    event.listen(Engine, "before_cursor_execute", note)
    yield sent
    event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("model", "row", "copied"),
    [(SampleThing, THING, True), (SampleStamped, {"name": "One"}, False)],
)
async def test_insert_is_used_only_for_sql_defaults(
    model: type[DeclarativeBase],
    row: dict[str, Any],
    *,
    copied: bool,
    db: Database,
    statements: list[str],
) -> None:
    async with created(db, Own.metadata), db.sessions.begin() as session:
        await store_rows(session, model, [row, row])
    inserted = any(statement.startswith("INSERT") for statement in statements)
    assert inserted != copied


async def test_a_value_of_the_wrong_type_raises_a_database_error(db: Database) -> None:
    row = {"name": "Lamp", "category": "light", "quantity": "many"}
    async with db.sessions.begin() as session:
        with pytest.raises(DBAPIError):
            await store_rows(session, Product, [row])
        await session.rollback()
