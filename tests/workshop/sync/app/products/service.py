"""Functions for products; the caller owns the transaction, so nothing here commits."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import WriteSession
from app.products.models import Product
from app.products.schemas import ProductWrite
from app.products.upsert import upsert


def put_product(session: WriteSession, sku: str, data: ProductWrite) -> Product:
    """Store a product, or change the existing one."""
    session.execute(upsert(sku=sku, **data.model_dump()))
    return session.get_one(Product, sku, populate_existing=True)


def put_photo(session: WriteSession, product: Product, photo: bytes) -> None:
    """Store the photo of a product."""
    product.photo = photo
    session.flush()


def get_product(session: Session, sku: str) -> Product | None:
    """Find a product."""
    return session.get(Product, sku)


def get_photo(session: Session, sku: str) -> bytes | None:
    """Read the photo of a product."""
    return session.scalar(select(Product.photo).where(Product.sku == sku))
