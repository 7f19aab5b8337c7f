"""Defaults for development are refused in production."""

import pytest
from pydantic import ValidationError
from sqlalchemy import URL

from app.settings import Settings
from app.settings.url import DEFAULT_URL


def test_production_refuses_the_development_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(ValidationError, match="development password"):
        Settings(database_url=DEFAULT_URL)
    own = DEFAULT_URL.set(password="its own")
    assert Settings(database_url=own).database_url == own


@pytest.mark.parametrize(
    "url",
    [DEFAULT_URL.set(host="a..b"), DEFAULT_URL.set(host="x" * 70), DEFAULT_URL.set(port=2**16)],
)
def test_an_invalid_host_or_port_is_refused(url: URL) -> None:
    with pytest.raises(ValidationError, match=r"has the (host|port)"):
        Settings(database_url=url)
