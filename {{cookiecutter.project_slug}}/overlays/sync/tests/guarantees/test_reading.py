"""A reader refuses every kind of write."""

from collections.abc import Callable

import pytest
from sqlalchemy import Integer, column, func, insert, select, text
from sqlalchemy.orm import Session

from app.database import Database
from app.database.read_only import ReadOnlyError
from tests.guarantees.products import Product

pytestmark = pytest.mark.commits

LAMP = {"name": "Lamp", "category": "light", "quantity": 1}


def add(session: Session) -> None:
    session.add(Product(**LAMP))
    session.flush()


def execute_insert(session: Session) -> None:
    session.execute(insert(Product), [LAMP])


def execute_text(session: Session) -> None:
    session.execute(text("INSERT INTO test_products VALUES (1, 'Lamp', 'light', 1)"))


def select_from_insert(session: Session) -> None:
    session.execute(select(insert(Product).values(LAMP).returning(Product.id).cte()))


def select_from_text(session: Session) -> None:
    insert_text = "INSERT INTO test_products VALUES (1, 'Lamp', 'light', 1) RETURNING id"
    cte = text(insert_text).columns(column("id", Integer)).cte("lamps")
    session.execute(select(cte.c.id))


def insert_by_connection(session: Session) -> None:
    connection = session.connection()
    connection.execute(insert(Product).values(LAMP))


def lock_rows(reader: Session) -> None:
    reader.scalars(select(Product).with_for_update())


@pytest.mark.parametrize(
    "write",
    [
        add,
        execute_insert,
        execute_text,
        select_from_insert,
        select_from_text,
        insert_by_connection,
        lock_rows,
    ],
)
def test_a_reader_refuses_to_write(write: Callable[[Session], None], db: Database) -> None:
    with db.readers() as reader, pytest.raises(ReadOnlyError, match="only"):
        write(reader)
    with db.readers() as reader:
        assert reader.scalar(select(func.count()).select_from(Product)) == 0
