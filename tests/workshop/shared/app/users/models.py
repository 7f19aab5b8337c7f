"""The tables of users."""

import enum
import uuid

from sqlalchemy import Enum, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Timestamped, explain
from app.users.encryption import Encrypted


class Role(enum.Enum):
    """The role of a user."""

    CUSTOMER = "customer"
    STAFF = "staff"


class User(Timestamped, Base):
    """A customer or a member of the staff."""

    __tablename__ = "users"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    role: Mapped[Role] = mapped_column(
        Enum(Role, native_enum=False, length=20), server_default="CUSTOMER"
    )
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    phone: Mapped[str | None] = mapped_column(Encrypted)
    newsletter: Mapped[bool] = mapped_column(default=False)


explain(User, "uq_users_email", field="email", sentence="This e-mail address is taken.")
