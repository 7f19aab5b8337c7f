"""What works both in ordinary tests and in tests marked `commits`."""

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from app.database import Database
from tests.guarantees.products import Product

BOTH_WAYS = pytest.mark.parametrize(
    "times", [1, pytest.param(2, marks=pytest.mark.commits)], ids=["ordinary", "commits"]
)


def names(reader: Session) -> list[str]:
    """Read with a server-side cursor, where the driver has one."""
    query = select(Product.name).order_by(Product.id).execution_options(yield_per=2)
    found = reader.scalars(query)
    return list(found)


def autocommits(db: Database) -> bool:
    """Tell whether the only pooled connection of readers is in AUTOCOMMIT."""
    with db.reader_engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        return connection.dialect.detect_autocommit_setting(raw)


@pytest.mark.commits
def test_a_stream_leaves_its_connection_in_autocommit(db: Database) -> None:
    assert autocommits(db)
    with db.readers() as reader:
        names(reader)
    assert autocommits(db)
    assert "Connections in pool: 1 " in db.reader_engine.pool.status()


@BOTH_WAYS
def test_a_reader_can_stream(db: Database, times: int) -> None:
    lamps = [{"name": f"Lamp {number}", "category": "x", "quantity": 1} for number in range(5)]
    with db.sessions.begin() as session:
        session.execute(insert(Product), lamps)
    for _ in range(times):  # the connection of a stream can be used again
        with db.readers() as reader:
            assert names(reader) == names(reader) == [lamp["name"] for lamp in lamps]
            assert reader.scalar(select(func.count()).select_from(Product)) == 5
        with db.readers() as reader:
            assert reader.scalar(select(func.count()).select_from(Product)) == 5
        with db.sessions.begin() as session:
            session.add(Product(name="Door", category="x", quantity=1))
            session.flush()
            session.rollback()
