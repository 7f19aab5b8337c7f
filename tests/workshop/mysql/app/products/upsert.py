"""Insert or update, in the syntax of the database."""

from typing import Any

from sqlalchemy.dialects.mysql import Insert, insert

from app.database.base import utc_now
from app.products.models import Product


def upsert(**values: Any) -> Insert:
    """Store a product, or change the existing one."""
    row = insert(Product).values(**values)
    return row.on_duplicate_key_update(
        name=row.inserted.name,
        price=row.inserted.price,
        weight=row.inserted.weight,
        stock=row.inserted.stock,
        updated_at=utc_now(),
    )
