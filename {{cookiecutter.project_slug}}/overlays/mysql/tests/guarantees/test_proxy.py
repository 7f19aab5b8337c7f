"""A proxy needs no setting of its own."""

import pytest
from pydantic import ValidationError

from app.settings import Settings


def test_a_pooler_of_another_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_POOLER", "transaction")
    with pytest.raises(ValidationError, match="transaction is for a pooler of another database"):
        Settings()
