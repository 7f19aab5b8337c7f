"""Request and response models of users."""

import uuid
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

from app.users.models import Role

Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
Phone = Annotated[str, StringConstraints(max_length=30, pattern=r"^[0-9 +]+$")]


class UserCreate(BaseModel):
    email: Email
    phone: Phone | None = None


class UserUpdate(BaseModel):
    phone: Phone | None = None
    newsletter: bool = False


class UserRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    email: str
    role: Role
    phone: str | None
    newsletter: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


class SignedUp(UserRead):
    """The only response with the token."""

    token: str
