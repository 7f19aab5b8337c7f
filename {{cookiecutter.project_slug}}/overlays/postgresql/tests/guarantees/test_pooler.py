"""Settings for a pooler, and what they refuse."""

import pytest
from pydantic import ValidationError

from app.database.dialect import migration_url
from app.settings import Settings
from app.settings.url import DEFAULT_URL


def test_options_of_a_session_are_refused_behind_a_pooler(monkeypatch: pytest.MonkeyPatch) -> None:
    url = DEFAULT_URL.update_query_dict({"options": "-c lock_timeout=5s"})
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    Settings()
    monkeypatch.setenv("DATABASE_POOLER", "transaction")
    with pytest.raises(ValidationError, match="does not allow `options`"):
        Settings()


def test_migrations_need_the_address_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    direct = DEFAULT_URL.set(host="server")
    assert migration_url(Settings()).set(query={}) == Settings().database_url.set(query={})
    monkeypatch.setenv("DATABASE_POOLER", "transaction")
    with pytest.raises(ValueError, match="set MIGRATION_DATABASE_URL"):
        migration_url(Settings())
    monkeypatch.setenv("MIGRATION_DATABASE_URL", direct.render_as_string(hide_password=False))
    assert migration_url(Settings()).host == direct.host
