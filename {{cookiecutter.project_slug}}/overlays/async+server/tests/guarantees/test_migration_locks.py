"""Which locks migrations wait for, and for how long."""

from pathlib import Path

import pytest
from alembic import command
from alembic.util import CommandError
from sqlalchemy import text

from app.database import connected, dialect
from app.settings import Settings
from tests.conftest import run_alembic
from tests.guarantees.revisions import config_with_revision


async def test_ddl_gives_up_waiting_for_a_locked_table(
    own_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dialect.LOCK_SECONDS <= 10
    monkeypatch.setattr(dialect, "LOCK_SECONDS", 1)
    config = config_with_revision(
        own_settings,
        tmp_path,
        "ALTER TABLE used ADD COLUMN extra INTEGER",
        "ALTER TABLE used DROP COLUMN extra",
    )
    async with connected(own_settings) as db, db.engine.connect() as connection:
        await connection.execute(text("CREATE TABLE used (id INTEGER)"))
        await connection.commit()
        await connection.execute(text("SELECT 1 FROM used"))
        with pytest.raises(CommandError, match="lock that another transaction holds"):
            await run_alembic(command.upgrade, config, "head")
    await run_alembic(command.upgrade, config, "head")
    await run_alembic(command.downgrade, config, "-1")
