"""`db.run`: a unit of work is stored once, however often it is retried."""

import random

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.database import Database
from app.database.dialect import Isolation
from tests.conftest import at_once
from tests.guarantees.products import Product

pytestmark = pytest.mark.commits

ACCOUNTS = 4
TRANSFERS = 20


def open_accounts(db: Database) -> list[int]:
    accounts = [
        {"name": f"Account {number}", "category": "money", "quantity": 100}
        for number in range(ACCOUNTS)
    ]
    with db.sessions.begin() as session:
        session.execute(insert(Product), accounts)
        keys = session.scalars(select(Product.id).order_by(Product.id))
        return list(keys)


def total(db: Database) -> int:
    with db.readers() as reader:
        return reader.scalar(select(func.sum(Product.quantity))) or 0


def transfer(session: Session, keys: list[int], *, lock: bool) -> None:
    """Read two balances, compute in Python and write both: a race could lose money."""
    query = select(Product).where(Product.id.in_(keys)).order_by(Product.id)
    found = session.scalars(query.with_for_update() if lock else query)
    giver, taker = found.all()
    giver.quantity -= 1
    taker.quantity += 1


def move_money(db: Database, isolation: Isolation | None) -> None:
    """Let many workers move money between few accounts, with locked rows or by isolation level."""
    keys = open_accounts(db)

    def worker() -> None:
        pair = random.sample(keys, 2)

        def work(session: Session) -> None:
            transfer(session, pair, lock=isolation is None)

        db.run(work, isolation=isolation, attempts=50)

    at_once(TRANSFERS, worker)


def test_money_is_conserved_by_serializable_transactions(db: Database) -> None:
    move_money(db, "SERIALIZABLE")
    assert total(db) == 100 * ACCOUNTS


def test_money_is_conserved_by_locked_rows(db: Database) -> None:
    move_money(db, None)
    assert total(db) == 100 * ACCOUNTS
    with db.readers() as reader:
        changed = reader.scalars(select(Product.quantity).where(Product.quantity != 100))
        assert changed.all()


def test_other_errors_are_not_retried(db: Database) -> None:
    tries: list[int] = []

    def work(session: Session) -> None:
        tries.append(1)
        session.execute(text("SELECT nothing FROM nowhere"))

    with pytest.raises(DBAPIError):
        db.run(work)
    assert len(tries) == 1


def test_a_read_only_unit_of_work_cannot_write(db: Database) -> None:
    def work(session: Session) -> None:
        session.add(Product(name="Lamp", category="light", quantity=1))
        session.flush()

    with pytest.raises(DBAPIError):
        db.run(work, read_only=True)
    db.run(work)  # the connection can write again
    assert total(db) == 1


def test_a_connection_can_write_after_a_read_only_unit(db: Database) -> None:
    def read(session: Session) -> int:
        return session.scalar(select(func.count()).select_from(Product)) or 0

    def write(session: Session) -> None:
        session.add(Product(name="Lamp", category="light", quantity=1))

    assert db.run(read, read_only=True) == 0
    db.run(write)
    assert db.run(read, read_only=True) == 1
    assert "Connections in pool: 1 " in db.engine.pool.status()
