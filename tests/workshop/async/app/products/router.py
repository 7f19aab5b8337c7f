"""Products over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, File, HTTPException, Path, status
from fastapi.responses import Response

from app.dependencies import ReaderDep, SessionDep
from app.products import service
from app.products.models import Product
from app.products.schemas import ProductRead, ProductWrite, Sku
from app.users.dependencies import staff
from app.web.openapi import problems

router = APIRouter(prefix="/products", tags=["products"], responses=problems(503))

ProductSku = Annotated[Sku, Path()]


@router.put(
    "/{sku}",
    response_model=ProductRead,
    responses=problems(401, 403),
    dependencies=[Depends(staff)],
)
async def put_product(session: SessionDep, sku: ProductSku, data: ProductWrite) -> Product:
    """Store a product, or change the existing one."""
    return await service.put_product(session, sku, data)


@router.put(
    "/{sku}/photo",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(401, 403, 404),
    dependencies=[Depends(staff)],
)
async def put_photo(
    session: SessionDep, sku: ProductSku, photo: Annotated[bytes, File(max_length=500_000)]
) -> None:
    """Store a photo."""
    product = await service.get_product(session, sku)
    if product is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such product.")
    await service.put_photo(session, product, photo)


@router.get("/{sku}/photo", response_class=Response, responses=problems(404))
async def get_photo(reader: ReaderDep, sku: ProductSku) -> Response:
    """Read a photo."""
    photo = await service.get_photo(reader, sku)
    if photo is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such photo.")
    return Response(photo, media_type="image/png")
