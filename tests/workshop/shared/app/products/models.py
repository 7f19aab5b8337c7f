"""The tables of products."""

from decimal import Decimal

from sqlalchemy import CheckConstraint, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Timestamped
from app.products.schema import SCHEMA


class Product(Timestamped, Base):
    """A product that can be ordered."""

    __tablename__ = "products"
    __table_args__ = (CheckConstraint("stock >= 0", name="stock_not_negative"), {"schema": SCHEMA})

    sku: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), index=True)
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    weight: Mapped[float | None]
    stock: Mapped[int] = mapped_column(default=0, server_default="0")
    photo: Mapped[bytes | None] = mapped_column(deferred=True, deferred_raiseload=True)
