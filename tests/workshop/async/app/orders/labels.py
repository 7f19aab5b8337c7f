"""Shipping labels, from a carrier whose service is slow."""

import asyncio

from fastapi import APIRouter

from app.dependencies import DatabaseDep
from app.orders import service
from app.orders.router import OrderId, found
from app.orders.schemas import Label
from app.users.dependencies import CurrentUser
from app.web.openapi import problems

router = APIRouter(prefix="/orders", tags=["orders"], responses=problems(401, 503))


@router.post("/{order_id}/label", responses=problems(404))
async def create_label(db: DatabaseDep, user: CurrentUser, order_id: OrderId) -> Label:
    """Ask the carrier for a label, and hold no connection meanwhile."""
    async with db.reading() as reader:
        order = found(await service.get_order(reader, user.id, order_id))
    label = await ask_carrier(order.id)
    async with db.unit() as session:
        await service.add_task(session, order.id, f"Print {label}")
    return Label(label=label)


async def ask_carrier(order_id: int) -> str:
    """Stand for a request to the service of a carrier."""
    await asyncio.sleep(0.1)
    return f"label {order_id}"
