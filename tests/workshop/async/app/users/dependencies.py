"""The current user, found by the bearer token of the request."""

import uuid
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, HTTPException, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.dependencies import DatabaseDep
from app.users.models import Role, User
from app.users.service import hash_of

bearer = HTTPBearer()


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What endpoints need of the current user. To change the user, load it by its key."""

    id: uuid.UUID
    role: Role


async def find_user(session: AsyncSession, token: str) -> SignedIn | None:
    """Find the user of a token."""
    query = select(User.id, User.role).where(User.token_hash == hash_of(token))
    rows = await session.execute(query)
    row = rows.first()
    return None if row is None else SignedIn(row.id, row.role)


async def current_user(
    db: DatabaseDep, credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]
) -> SignedIn:
    """Find the user of a token, or raise 401."""
    async with db.reading() as reader:
        user = await find_user(reader, credentials.credentials)
    return found(user)


def found(user: SignedIn | None) -> SignedIn:
    if user is None:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Sign in first.")
    return user


CurrentUser = Annotated[SignedIn, Depends(current_user)]


async def staff(user: CurrentUser) -> SignedIn:
    """Allow only staff."""
    if user.role is not Role.STAFF:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "This is for staff.")
    return user
