"""Request and response models of products."""

from decimal import Decimal
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Sku = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,40}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Price = Annotated[Decimal, Field(ge=0, max_digits=10, decimal_places=2)]


class ProductWrite(BaseModel):
    name: Name
    price: Price
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    stock: Annotated[int, Field(ge=0)] = 0


class ProductRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    sku: str
    name: str
    price: Decimal
    weight: float | None
    stock: int
    created_at: AwareDatetime
    updated_at: AwareDatetime
