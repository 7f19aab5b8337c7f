"""`uv run poe create-db` creates the database that is missing."""

import pytest

from app.create_database import create_database, exists, main
from app.database import Database
from app.settings import Settings
from tests.database import remake


async def test_a_database_is_created_once(
    db: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = db.engine.url.set(database=f"{db.engine.url.database}_created")
    missing = Settings(database_url=url)
    await remake(url, drop_only=True)
    assert not await exists(missing)
    try:
        assert await create_database(missing)
        assert not await create_database(missing)
        monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
        await main()
        assert "exists already" in capsys.readouterr().out
    finally:
        await remake(url, drop_only=True)
