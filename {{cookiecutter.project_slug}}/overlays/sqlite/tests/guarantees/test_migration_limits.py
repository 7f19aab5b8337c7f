"""Which locks migrations wait for."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.util import CommandError

from app.settings import Settings
from tests.guarantees.revisions import config_with_revision


def test_a_migration_gives_up_waiting_for_the_lock_of_a_writer(
    own_settings: Settings, tmp_path: Path
) -> None:
    impatient = own_settings.model_copy(update={"database_busy_timeout": 1})
    config = config_with_revision(
        impatient, tmp_path, "CREATE TABLE other (id INTEGER)", "DROP TABLE other"
    )
    with closing(sqlite3.connect(own_settings.database_url.database or "")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(CommandError, match="lock that another transaction holds"):
            command.upgrade(config, "head")
    command.upgrade(config, "head")
    command.downgrade(config, "-1")
