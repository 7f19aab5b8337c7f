"""Connections are configured, and tests use only their own database."""

import pytest
from sqlalchemy import create_engine, func, insert, select, text
from sqlalchemy.pool import NullPool

from app.database import Database, connected
from app.settings import Settings
from tests.dialect import ANSWERS, CURRENT_DATABASE, LIMITS, SAID, ZONE
from tests.guarantees.conftest import return_to_pool
from tests.guarantees.products import Product


def test_the_development_database_is_never_touched(db: Database) -> None:
    with db.sessions() as session:
        current = session.scalar(text(CURRENT_DATABASE))
    development = Settings().database_url.database
    assert current != development
    assert "_test" in str(current)


@pytest.mark.parametrize(("question", "answer"), [*LIMITS.items(), *ZONE.items()])
def test_every_connection_is_configured(question: str, answer: object, db: Database) -> None:
    with db.sessions() as session:
        assert session.scalar(text(question)) == answer


@pytest.mark.parametrize(("question", "answer"), ZONE.items())
def test_migrations_use_utc_too(question: str, answer: object, db: Database) -> None:
    engine = create_engine(db.engine.url, poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.scalar(text(question)) == answer
    engine.dispose()


@pytest.mark.commits
@pytest.mark.parametrize(("question", "answer"), ANSWERS.items())
def test_options_in_the_url_take_effect(
    question: str, answer: object, db: Database, settings: Settings
) -> None:
    url = settings.database_url.update_query_dict(SAID)
    told = settings.model_copy(update={"database_url": url})
    with connected(told) as second, second.sessions() as session:
        assert session.scalar(text(question)) == answer


@pytest.mark.commits
def test_all_connections_are_closed_at_shutdown(settings: Settings, db: Database) -> None:
    with connected(settings) as second:
        pools = (second.engine.pool, second.reader_engine.pool)
        with second.readers() as reader:
            reader.execute(select(1))
        with second.sessions() as session:
            session.execute(select(1))
        assert all("Connections in pool: 1" in pool.status() for pool in pools)
    pools = (second.engine.pool, second.reader_engine.pool)
    assert all("Connections in pool: 0" in pool.status() for pool in pools)


@pytest.mark.parametrize("_round", [1, 2])
def test_rows_committed_by_a_test_are_gone_in_the_next(db: Database, _round: int) -> None:
    with db.sessions.begin() as session:
        session.add(Product(name="Lamp", category="light", quantity=1))
    with db.readers() as reader:
        assert reader.scalar(select(func.count()).select_from(Product)) == 1


@pytest.mark.commits
def test_an_open_transaction_is_rolled_back_on_return_to_the_pool(db: Database) -> None:
    def count_products() -> int | None:
        with db.readers() as reader:
            return reader.scalar(select(func.count()).select_from(Product))

    assert count_products() == 0
    connection = db.engine.connect()  # the only connection of the pool
    connection.execute(insert(Product), [{"name": "Lamp", "category": "light", "quantity": 1}])
    return_to_pool(connection)
    assert count_products() == 0
    with db.sessions.begin() as session:
        session.execute(select(1))
    assert count_products() == 0
    assert "Connections in pool: 1 " in db.engine.pool.status()
