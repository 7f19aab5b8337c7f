"""Request and response bodies of items."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator
from pydantic.json_schema import SkipJsonSchema

from app.items.models import CATEGORY_LENGTH, MAX_INTEGER, NAME_LENGTH

# Not every database stores NUL characters in text, and each driver fails in its own way.
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\x00]*$")]
Name = Annotated[Text, StringConstraints(max_length=NAME_LENGTH)]
Category = Annotated[Text, StringConstraints(max_length=CATEGORY_LENGTH)]
Quantity = Annotated[int, Field(strict=True, ge=0, le=MAX_INTEGER)]  # neither true nor "1"


class ItemCreate(BaseModel):
    """A new item."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    category: Category
    quantity: Quantity = 0


class ItemUpdate(BaseModel):
    """Changes to an item; an omitted field keeps its value."""

    model_config = ConfigDict(extra="forbid")

    name: Name | SkipJsonSchema[None] = None
    category: Category | SkipJsonSchema[None] = None
    quantity: Quantity | SkipJsonSchema[None] = None

    @field_validator("*", mode="before")
    @classmethod
    def refuse_null(cls, value: object) -> object:
        """Reject null: to leave a field unchanged, a client omits it."""
        if value is None:
            raise ValueError("may be omitted, but not null")
        return value


class ItemRead(BaseModel):
    """An item as it is stored."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    category: str
    quantity: int


class BulkCreated(BaseModel):
    """How many items were stored."""

    created: int
