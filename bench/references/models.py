"""Request and response models of the references."""

from pydantic import BaseModel, ConfigDict


class ItemCreate(BaseModel):
    """A new item."""

    name: str
    category: str
    quantity: int


class ItemUpdate(BaseModel):
    """The fields to change."""

    quantity: int


class ItemRead(BaseModel):
    """A stored item."""

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
    """The number of stored items."""

    created: int
