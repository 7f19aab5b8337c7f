"""A domain only for tests, so that they do not depend on the domains of the app."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, FastAPI, HTTPException, Path, status
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import CheckConstraint, MetaData, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app import main
from app.database import Base
from app.dependencies import ReaderDep, SessionDep
from app.settings import Settings
from app.web.openapi import problems
from app.web.pagination import Limit


class OwnBase(DeclarativeBase):
    """Tables without a migration; their constraints are named like those of the app."""

    metadata = MetaData(naming_convention=Base.metadata.naming_convention)


class Product(OwnBase):
    __tablename__ = "test_products"
    __table_args__ = (CheckConstraint("quantity >= 0", name="quantity_not_negative"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    category: Mapped[str] = mapped_column(String(50), index=True)
    quantity: Mapped[int]


class ProductCreate(BaseModel):
    name: Annotated[str, Field(max_length=100)]
    category: Annotated[str, Field(max_length=50)]
    quantity: int = 0


class ProductUpdate(BaseModel):
    quantity: int


class ProductRead(ProductCreate):
    model_config = ConfigDict(from_attributes=True)

    id: int


router = APIRouter(prefix="/test-products", responses=problems(503))

ProductId = Annotated[int, Path(ge=1, le=2**31 - 1)]


async def found(session: AsyncSession, product_id: int) -> Product:
    product = await session.get(Product, product_id)
    if product is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such product.")
    return product


@router.get("", response_model=list[ProductRead])
async def list_products(reader: ReaderDep, limit: Limit = 50) -> Sequence[Product]:
    products = await reader.scalars(select(Product).order_by(Product.id).limit(limit))
    return products.all()


@router.post(
    "",
    response_model=ProductRead,
    status_code=status.HTTP_201_CREATED,
    responses=problems(409),
)
async def create_product(session: SessionDep, data: ProductCreate) -> Product:
    product = Product(**data.model_dump())
    session.add(product)
    await session.flush()
    return product


@router.get("/{product_id}", response_model=ProductRead, responses=problems(404))
async def get_product(reader: ReaderDep, product_id: ProductId) -> Product:
    return await found(reader, product_id)


@router.patch("/{product_id}", response_model=ProductRead, responses=problems(404, 409))
async def update_product(
    session: SessionDep, product_id: ProductId, data: ProductUpdate
) -> Product:
    product = await found(session, product_id)
    product.quantity = data.quantity
    await session.flush()
    return product


@router.delete("/{product_id}", status_code=204, responses=problems(404))
async def delete_product(session: SessionDep, product_id: ProductId) -> None:
    product = await found(session, product_id)
    await session.delete(product)


def create_app(settings: Settings) -> FastAPI:
    """Build the app, and add these routes to its own."""
    app = main.create_app(settings)
    app.include_router(router)
    return app
