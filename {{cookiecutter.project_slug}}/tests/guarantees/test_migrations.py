"""Migrations match the models and can be downgraded; a failure is reported in one sentence."""

from collections.abc import Callable

import pytest
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from app.database import dialect
from app.settings import Settings
from tests.conftest import alembic_config
from tests.dialect import UNREACHABLE


def test_the_migrations_match_the_models(own_settings: Settings) -> None:
    command.check(alembic_config(own_settings))


def test_the_migrations_can_be_downgraded(own_settings: Settings) -> None:
    config: Config = alembic_config(own_settings)
    command.downgrade(config, "base")
    command.upgrade(config, "head")
    command.check(config)


def test_only_upgrade_downgrade_and_stamp_take_the_migration_lock(
    own_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire = dialect.acquire_migration_lock
    taken: list[Connection] = []

    def count(connection: Connection, settings: Settings) -> None:
        taken.append(connection)
        acquire(connection, settings)

    monkeypatch.setattr(dialect, "acquire_migration_lock", count)
    config = alembic_config(own_settings)
    command.current(config)
    command.check(config)
    command.history(config, indicate_current=True)
    assert len(taken) == 0
    command.upgrade(config, "head")
    command.downgrade(config, "head")
    command.stamp(config, "head")
    assert len(taken) == 3


@pytest.mark.parametrize("run", [command.current, command.check])
def test_an_unreachable_database_is_reported_in_one_sentence(
    run: Callable[[Config], None], settings: Settings
) -> None:
    unreachable = settings.model_copy(update={"database_url": UNREACHABLE})
    with pytest.raises(CommandError, match="No connection to") as refusal:
        run(alembic_config(unreachable))
    sentence = str(refusal.value)
    assert "DATABASE_URL" in sentence
    assert "hunter2" not in sentence
    assert len(sentence.splitlines()) == 1
