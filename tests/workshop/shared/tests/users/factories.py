"""Random users."""

import secrets
from typing import Any

from app.users.models import User
from app.users.schemas import UserCreate
from tests.factories import Factory, numbered


class UserFactory(Factory[UserCreate]):
    """Builds users; their addresses are numbered."""

    __stores__ = User

    email = numbered(lambda number: f"user{number}@example.com")

    @classmethod
    def row(cls, **values: Any) -> Any:
        """Build a user for whom there is no token."""
        return super().row(token_hash=secrets.token_hex(), **values)
