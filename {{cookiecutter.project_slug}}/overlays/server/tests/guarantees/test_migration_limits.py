"""The limits of the service do not apply to migrations."""

from pathlib import Path

import pytest
from alembic import command
from alembic.util import CommandError

from app.settings import Settings
from tests.conftest import alembic_config
from tests.dialect import SLEEP
from tests.guarantees.revisions import config_with_revision
from tests.records import own_name


def test_a_migration_may_exceed_the_statement_timeout(
    own_settings: Settings, tmp_path: Path
) -> None:
    short = own_settings.model_copy(update={"database_statement_timeout": 1})
    config = config_with_revision(short, tmp_path, SLEEP.format(1.5))
    command.upgrade(config, "head")
    command.downgrade(config, "-1")


def test_a_missing_database_is_reported_in_one_sentence_with_the_command(
    settings: Settings,
) -> None:
    url = settings.database_url.set(database=own_name(settings.database_url))
    missing = settings.model_copy(update={"database_url": url})
    with pytest.raises(CommandError, match="uv run poe create-db"):
        command.upgrade(alembic_config(missing), "head")
