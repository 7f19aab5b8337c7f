"""What is handy while one develops does not reach production."""

import pytest
from pydantic import ValidationError

from app.settings import DEFAULT_URL, Settings


def test_production_refuses_the_password_of_development(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(ValidationError, match="password of development"):
        Settings(database_url=DEFAULT_URL)
    own = DEFAULT_URL.set(password="its own")
    assert Settings(database_url=own).database_url == own
