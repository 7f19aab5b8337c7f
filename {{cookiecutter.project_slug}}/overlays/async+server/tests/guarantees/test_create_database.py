"""`uv run poe create-db` creates a missing database."""

import pytest

from app.commands.create_database import create_database, exists, main
from app.settings import Settings
from tests.database import drop
from tests.records import own_name


async def test_a_database_is_created_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = settings.database_url.set(database=own_name(settings.database_url))
    missing = Settings(database_url=url)
    assert not await exists(missing)
    try:
        assert await create_database(missing)
        assert not await create_database(missing)
        monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
        await main()
        assert "exists already" in capsys.readouterr().out
    finally:
        await drop(url)
