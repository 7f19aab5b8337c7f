"""Connections are set up as they should be, and tests keep to a database of their own."""

import pytest
from sqlalchemy import func, select, text

from app.database import Database, connected
from app.items.models import Item
from app.settings import Settings
from tests.dialect import CURRENT_DATABASE, LIMITS


def test_the_development_database_is_never_touched(db: Database) -> None:
    with db.sessions() as session:
        current = session.scalar(text(CURRENT_DATABASE))
    development = Settings().database_url.database
    assert current != development
    assert str(current).removesuffix(".db").endswith("_test")


@pytest.mark.parametrize(("question", "answer"), LIMITS.items())
def test_every_connection_is_set_up(question: str, answer: object, db: Database) -> None:
    with db.sessions() as session:
        assert session.scalar(text(question)) == answer


def test_no_connection_is_left_open_in_the_end(settings: Settings, db: Database) -> None:
    with connected(settings) as second:
        with second.readers() as reader:
            reader.execute(select(1))
        assert "Connections in pool: 1" in second.engine.pool.status()
    assert "Connections in pool: 0" in second.engine.pool.status()


@pytest.mark.parametrize("_round", [1, 2])
def test_what_a_test_commits_is_gone_in_the_next(db: Database, _round: int) -> None:
    with db.sessions.begin() as session:
        session.add(Item(name="Lamp", category="light", quantity=1))
    with db.readers() as reader:
        assert reader.scalar(select(func.count()).select_from(Item)) == 1
