"""COPY stores what it can, in the schema of the table."""

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


def test_a_table_is_found_in_its_schema(db: Database) -> None:
    with db.engine.begin() as connection:
        connection.execute(CreateSchema("old years"))
    with created(db, Archive.metadata), db.sessions.begin() as session:
        store_rows(session, Year, [{"value": 1999}, {"value": 2000}])
        assert session.scalar(select(func.sum(Year.value))) == 3999
    with db.engine.begin() as connection:
        connection.execute(DropSchema("old years"))


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Collect what SQLAlchemy sends; COPY goes by the driver."""
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
def test_only_what_is_made_by_sql_is_inserted(
    model: type[DeclarativeBase],
    row: dict[str, Any],
    *,
    copied: bool,
    db: Database,
    statements: list[str],
) -> None:
    with created(db, Own.metadata), db.sessions.begin() as session:
        store_rows(session, model, [row, row])
    inserted = any(statement.startswith("INSERT") for statement in statements)
    assert inserted != copied


def test_a_value_of_another_type_is_an_error_of_the_database(db: Database) -> None:
    row = {"name": "Lamp", "category": "light", "quantity": "many"}
    with db.sessions.begin() as session:
        with pytest.raises(DBAPIError):
            store_rows(session, Product, [row])
        session.rollback()
