"""The current user, found by the bearer token of the request."""

from typing import Annotated

from fastapi import Depends, HTTPException, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.dependencies import ReaderDep
from app.users.models import Role, User
from app.users.service import hash_of

bearer = HTTPBearer()


def get_user_by_token(session: Session, token: str) -> User | None:
    """Find the user of a token."""
    return session.scalar(select(User).where(User.token_hash == hash_of(token)))


def current_user(
    reader: ReaderDep, credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]
) -> User:
    """Find the user of a token, or raise 401."""
    user = get_user_by_token(reader, credentials.credentials)
    return found(user)


def found(user: User | None) -> User:
    if user is None:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Sign in first.")
    return user


CurrentUser = Annotated[User, Depends(current_user)]


def staff(user: CurrentUser) -> User:
    """Allow only staff."""
    if user.role is not Role.STAFF:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "This is for staff.")
    return user
