"""The tables of orders."""

import enum
import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Computed,
    ForeignKey,
    Numeric,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base, Timestamped
from app.products.models import Product
from app.users.models import User


class Status(enum.Enum):
    """The state of an order."""

    DRAFT = "draft"
    PAID = "paid"
    SENT = "sent"


class Order(Timestamped, Base):
    """An order of a user; `version` detects concurrent changes."""

    __tablename__ = "orders"
    __table_args__ = (CheckConstraint("shipping >= 0", name="shipping_not_negative"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[uuid.UUID] = mapped_column(default=uuid.uuid4, unique=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id), index=True)
    status: Mapped[Status] = mapped_column(server_default="DRAFT", index=True)
    goods: Mapped[Decimal] = mapped_column(Numeric(12, 2), default=Decimal(0))
    shipping: Mapped[Decimal] = mapped_column(Numeric(12, 2), server_default="0")
    total: Mapped[Decimal] = mapped_column(
        Numeric(12, 2), Computed("goods + shipping", persisted=True)
    )
    gift: Mapped[bool] = mapped_column(server_default=false())
    note: Mapped[str | None] = mapped_column("remark", Text)
    extra: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    due_on: Mapped[date | None]
    due_after: Mapped[time | None]
    patience: Mapped[timedelta | None]
    paid_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column()

    lines: Mapped[list["OrderLine"]] = relationship(
        back_populates="order", cascade="all, delete-orphan", lazy="raise_on_sql"
    )

    __mapper_args__ = {"version_id_col": version}


class OrderLine(Base):
    """A quantity of one product, with its price at the time of the order."""

    __tablename__ = "order_lines"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity_positive"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey(Order.id, ondelete="CASCADE"), index=True)
    sku: Mapped[str] = mapped_column(ForeignKey(Product.sku), index=True)
    quantity: Mapped[int]
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    amount: Mapped[Decimal] = mapped_column(
        Numeric(12, 2), Computed("quantity * price", persisted=True)
    )

    order: Mapped[Order] = relationship(back_populates="lines", lazy="raise_on_sql")


class Redemption(Base):
    """A coupon that a user has used; each can be used once."""

    __tablename__ = "redemptions"
    __table_args__ = (UniqueConstraint("user_id", "coupon"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    coupon: Mapped[str] = mapped_column(String(20))


class Task(Timestamped, Base):
    """A task of the warehouse for an order."""

    __tablename__ = "tasks"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey(Order.id), index=True)
    text: Mapped[str] = mapped_column(String(200))
