"""Orders over HTTP."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, HTTPException, Path, Query, Request, status
from pydantic import AwareDatetime

from app.dependencies import ReaderDep, SessionDep
from app.orders import service
from app.orders.models import Order, Status
from app.orders.schemas import OrderCreate, OrderRead, OrderUpdate
from app.users.dependencies import CurrentUser
from app.web.openapi import problems
from app.web.pagination import Cursor, Limit, Page, page_of

router = APIRouter(prefix="/orders", tags=["orders"], responses=problems(401, 503))

OrderId = Annotated[int, Path(ge=1)]


def found(order: Order | None) -> Order:
    if order is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such order.")
    return order


@router.post(
    "",
    response_model=OrderRead,
    status_code=status.HTTP_201_CREATED,
    responses=problems(409),
)
async def create_order(
    request: Request,
    session: SessionDep,
    user: CurrentUser,
    data: OrderCreate,
    tasks: BackgroundTasks,
) -> Order:
    """Store an order, and have it packed."""
    try:
        order = await service.create_order(session, user.id, data)
    except service.UnknownProductError as error:
        detail = f"These are not sold: {error}."
        raise HTTPException(status.HTTP_409_CONFLICT, detail) from error
    tasks.add_task(request.state.db.run_in_background, service.add_task, order.id, "Pack it")
    return order


@router.get("")
async def list_orders(
    reader: ReaderDep,
    user: CurrentUser,
    limit: Limit = 50,
    cursor: Cursor = None,
    status: Annotated[Status | None, Query()] = None,
    since: Annotated[AwareDatetime | None, Query()] = None,
    until: Annotated[AwareDatetime | None, Query()] = None,
    gift: bool | None = None,
    minimum: Decimal | None = None,
) -> Page[OrderRead]:
    """Read a page of orders, the newest first."""
    page = await service.list_orders(
        reader,
        user.id,
        limit=limit,
        cursor=cursor,
        status=status,
        since=since,
        until=until,
        gift=gift,
        minimum=minimum,
    )
    return page_of(OrderRead, page)


@router.get("/{order_id}", response_model=OrderRead, responses=problems(404))
async def get_order(reader: ReaderDep, user: CurrentUser, order_id: OrderId) -> Order:
    """Read an order."""
    order = await service.get_order(reader, user.id, order_id)
    return found(order)


@router.patch("/{order_id}", response_model=OrderRead, responses=problems(404, 409))
async def update_order(
    session: SessionDep, user: CurrentUser, order_id: OrderId, data: OrderUpdate
) -> Order:
    """Change an order, if its version is the one that the client has read."""
    order = await service.get_order(session, user.id, order_id)
    try:
        return await service.update_order(session, found(order), data)
    except service.ChangedMeanwhileError as error:
        detail = "The order was changed meanwhile: read it again."
        raise HTTPException(status.HTTP_409_CONFLICT, detail) from error


@router.delete("/{order_id}", status_code=status.HTTP_204_NO_CONTENT, responses=problems(404, 409))
async def delete_order(session: SessionDep, user: CurrentUser, order_id: OrderId) -> None:
    """Remove an order without tasks."""
    order = await service.get_order(session, user.id, order_id)
    await service.delete_order(session, found(order))
