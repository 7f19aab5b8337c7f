"""Random items."""

from app.items.models import Item
from app.items.schemas import ItemCreate
from tests.factories import Factory, numbered


class ItemFactory(Factory[ItemCreate]):
    """Builds items; unique values are numbered."""

    __stores__ = Item

    name = numbered(lambda number: f"Name {number}")
