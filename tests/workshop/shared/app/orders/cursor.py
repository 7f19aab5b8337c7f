"""The cursor of a page of orders: a time and a key."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime

from fastapi import HTTPException, status
from pydantic import AwareDatetime, TypeAdapter

from app.orders.models import Order

Position = tuple[datetime, int]
POSITION = TypeAdapter(tuple[AwareDatetime, int])


def encode(order: Order) -> str:
    """Encode the position of an order as text."""
    return urlsafe_b64encode(POSITION.dump_json((order.created_at, order.id))).decode()


def decode(cursor: str) -> Position:
    """Decode a position, or raise 422."""
    try:
        return POSITION.validate_json(urlsafe_b64decode(cursor))
    except ValueError as error:
        detail = "This is not a cursor of this list."
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, detail) from error
