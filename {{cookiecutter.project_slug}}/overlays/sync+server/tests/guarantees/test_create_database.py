"""`uv run poe create-db` creates a missing database."""

import pytest

from app.commands.create_database import create_database, exists, main
from app.settings import Settings
from tests.database import drop
from tests.records import own_name


def test_a_database_is_created_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = settings.database_url.set(database=own_name(settings.database_url))
    missing = Settings(database_url=url)
    assert not exists(missing)
    try:
        assert create_database(missing)
        assert not create_database(missing)
        monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
        main()
        assert "exists already" in capsys.readouterr().out
    finally:
        drop(url)
