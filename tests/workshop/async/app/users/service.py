"""Functions for users; the caller owns the transaction, so nothing here commits."""

import hashlib
import secrets
import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from app.database import WriteSession
from app.users.models import Role, User
from app.users.schemas import UserCreate, UserUpdate


async def create_user(
    session: WriteSession, data: UserCreate, role: Role = Role.CUSTOMER
) -> tuple[User, str]:
    """Store a user; also return the token, which is not stored."""
    token = secrets.token_urlsafe()
    user = User(**data.model_dump(), role=role, token_hash=hash_of(token))
    session.add(user)
    await session.flush()
    return user, token


async def get_user(session: AsyncSession, user_id: uuid.UUID) -> User:
    """Load a user by its key."""
    return await session.get_one(User, user_id)


async def update_user(session: WriteSession, user: User, data: UserUpdate) -> User:
    """Change the fields that the client sent."""
    for name, value in data.model_dump(exclude_unset=True).items():
        setattr(user, name, value)
    await session.flush()
    return user


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
