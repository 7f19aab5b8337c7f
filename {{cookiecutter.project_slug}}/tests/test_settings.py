"""Settings are right, or refused with a sentence."""

import pytest
from pydantic import ValidationError

from app.settings import DEFAULT_URL, Settings


def test_a_url_keeps_every_character_of_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    url = DEFAULT_URL.set(username="me@here", password="p@ss:/w%rd#1", database="a b")
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    assert Settings().database_url == url


@pytest.mark.parametrize("url", ["", "no url", "oracle://host/name", DEFAULT_URL.drivername])
def test_a_wrong_url_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ValidationError, match="is not"):
        Settings()


def test_words_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "api.example.com, *.example.org")
    assert Settings().allowed_hosts == ["api.example.com", "*.example.org"]


def test_production_refuses_to_log_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_ECHO", "true")
    assert Settings().database_echo
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(ValidationError, match="leave it out in production"):
        Settings()
