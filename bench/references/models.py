"""What the references take and give."""

from pydantic import BaseModel, ConfigDict


class ItemCreate(BaseModel):
    """A new item."""

    name: str
    category: str
    quantity: int = 0


class ItemUpdate(BaseModel):
    """What to change."""

    quantity: int


class ItemRead(BaseModel):
    """An item as it is stored."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    category: str
    quantity: int


class Page(BaseModel):
    """A list."""

    model_config = ConfigDict(from_attributes=True)

    items: list[ItemRead]
    next_cursor: str | None = None


class Created(BaseModel):
    """How many were stored."""

    created: int
