"""The tables of items."""

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, explain

NAME_LENGTH = 100
CATEGORY_LENGTH = 50


class Item(Base):
    """An item."""

    __tablename__ = "items"
    __table_args__ = (CheckConstraint("quantity >= 0", name="quantity_not_negative"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH), unique=True)
    category: Mapped[str] = mapped_column(String(CATEGORY_LENGTH), index=True)
    quantity: Mapped[int]


explain(Item, "uq_items_name", field="name", sentence="This name is taken.")
