"""Readers run in AUTOCOMMIT; the writes of a session take effect at its commit."""

import time

import pytest
from sqlalchemy import Integer, Update, func, insert, literal_column, select, text, update
from sqlalchemy.exc import DBAPIError

from app.database import Database
from app.database.aborted import AbortedTransactionError
from tests.conftest import at_once
from tests.guarantees.products import Product

pytestmark = pytest.mark.commits

AUTOCOMMIT = select(literal_column("@@autocommit", Integer))
LAMP = {"name": "Lamp", "category": "light", "quantity": 1}


def test_only_readers_use_autocommit(db: Database) -> None:
    for _ in range(2):  # on a new connection, and on a pooled one
        with db.sessions.begin() as session:
            assert session.scalar(AUTOCOMMIT) == 0
        with db.readers() as reader:
            assert reader.scalar(AUTOCOMMIT) == 1


def test_a_reader_is_in_autocommit_after_a_failed_statement(db: Database) -> None:
    for _ in range(2):
        with db.sessions() as session, pytest.raises(DBAPIError):
            session.execute(text("SELECT nothing FROM nowhere"))
        with db.readers() as reader:
            assert reader.scalar(AUTOCOMMIT) == 1


def test_a_deadlock_cannot_be_ignored(db: Database) -> None:
    """The server has rolled back the transaction that lost, and would store what follows."""
    names = ["Door", "Lamp"]
    with db.sessions.begin() as session:
        session.execute(insert(Product), [LAMP | {"name": name} for name in names])
    orders = iter([names, names[::-1]])
    lost: list[bool] = []

    def call() -> bool:
        first, second = next(orders)
        try:
            with db.sessions.begin() as session:
                session.execute(change(first))
                time.sleep(0.5)  # both have their first row
                try:
                    session.execute(change(second))
                except DBAPIError:
                    lost.append(True)
                    session.execute(insert(Product), [LAMP | {"name": "After"}])
        except AbortedTransactionError:
            return False
        return True

    assert sorted(at_once(2, call)) == [False, True]
    assert lost == [True]
    with db.readers() as reader:
        found = reader.scalars(select(Product.quantity).order_by(Product.name))
        assert found.all() == [2, 2]


def change(name: str) -> Update:
    return update(Product).where(Product.name == name).values(quantity=Product.quantity + 1)


def test_statements_after_an_implicit_commit_are_rolled_back(db: Database) -> None:
    for _ in range(2):
        with db.sessions() as session:
            session.execute(text("TRUNCATE TABLE test_products"))
            session.execute(insert(Product), [LAMP])
        with db.readers() as reader:
            assert reader.scalar(select(func.count()).select_from(Product)) == 0
