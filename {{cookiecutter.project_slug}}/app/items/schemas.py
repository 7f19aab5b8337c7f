"""Request and response bodies of items."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator
from pydantic.json_schema import SkipJsonSchema

from app.items.models import CATEGORY_LENGTH, NAME_LENGTH
from app.web.fields import MAX_INTEGER, Text, refuse_null

Name = Annotated[Text, StringConstraints(max_length=NAME_LENGTH)]
Category = Annotated[Text, StringConstraints(max_length=CATEGORY_LENGTH)]
Quantity = Annotated[int, Field(strict=True, ge=0, le=MAX_INTEGER)]  # neither true nor "1"


class ItemCreate(BaseModel):
    """A new item."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    category: Category
    quantity: Quantity


class ItemUpdate(BaseModel):
    """Changes to an item; an omitted field keeps its value."""

    model_config = ConfigDict(extra="forbid")

    name: Name | SkipJsonSchema[None] = None
    category: Category | SkipJsonSchema[None] = None
    quantity: Quantity | SkipJsonSchema[None] = None

    check_null = field_validator("name", "category", "quantity", mode="before")(refuse_null)


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
