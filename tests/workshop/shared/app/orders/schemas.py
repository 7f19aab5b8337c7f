"""Request and response models of orders."""

import uuid
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from app.orders.models import Status
from app.products.schemas import Price, Sku


def without_time_zone(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("a time of day has no time zone here")
    return value


LocalTime = Annotated[time, AfterValidator(without_time_zone)]
Note = Annotated[str, StringConstraints(max_length=1000)]
Coupon = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,20}$")]


class LineCreate(BaseModel):
    sku: Sku
    quantity: Annotated[int, Field(gt=0, le=1000)]


class OrderCreate(BaseModel):
    lines: Annotated[list[LineCreate], Field(min_length=1, max_length=50)]
    coupon: Coupon | None = None
    gift: bool = False
    note: Note | None = None
    extra: dict[str, Any] = {}
    due_on: date | None = None
    due_after: LocalTime | None = None
    patience: Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=365))] | None = None


class OrderUpdate(BaseModel):
    version: int
    shipping: Price | None = None
    status: Status | None = None
    note: Note | None = None


class LineRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    sku: str
    quantity: int
    price: Decimal
    amount: Decimal


class OrderRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    number: uuid.UUID
    status: Status
    goods: Decimal
    shipping: Decimal
    total: Decimal
    gift: bool
    note: str | None
    extra: dict[str, Any]
    due_on: date | None
    due_after: time | None
    patience: timedelta | None
    paid_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    version: int
    lines: list[LineRead]


class Label(BaseModel):
    """A shipping label."""

    label: str
