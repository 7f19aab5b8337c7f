"""Insert or update, in the syntax of the database."""

from typing import Any

from sqlalchemy.dialects.sqlite import Insert, insert

from app.database.base import utc_now
from app.products.models import Product


def upsert(**values: Any) -> Insert:
    """Store a product, or change the existing one."""
    row = insert(Product).values(**values)
    return row.on_conflict_do_update(
        index_elements=[Product.sku],
        set_={
            "name": row.excluded.name,
            "price": row.excluded.price,
            "weight": row.excluded.weight,
            "stock": row.excluded.stock,
            "updated_at": utc_now(),
        },
    )
