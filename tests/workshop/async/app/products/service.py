"""Functions for products; the caller owns the transaction, so nothing here commits."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import WriteSession
from app.products.models import Product
from app.products.schemas import ProductWrite
from app.products.upsert import upsert


async def put_product(session: WriteSession, sku: str, data: ProductWrite) -> Product:
    """Store a product, or change the existing one."""
    await session.execute(upsert(sku=sku, **data.model_dump()))
    return await session.get_one(Product, sku, populate_existing=True)


async def put_photo(session: WriteSession, product: Product, photo: bytes) -> None:
    """Store the photo of a product."""
    product.photo = photo
    await session.flush()


async def get_product(session: AsyncSession, sku: str) -> Product | None:
    """Find a product."""
    return await session.get(Product, sku)


async def get_photo(session: AsyncSession, sku: str) -> bytes | None:
    """Read the photo of a product."""
    return await session.scalar(select(Product.photo).where(Product.sku == sku))
