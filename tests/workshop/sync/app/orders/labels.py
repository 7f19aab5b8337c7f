"""Shipping labels, from a carrier whose service is slow."""

import time

from fastapi import APIRouter

from app.dependencies import DatabaseDep
from app.orders import service
from app.orders.router import OrderId, found
from app.orders.schemas import Label
from app.users.dependencies import CurrentUser
from app.web.openapi import problems

router = APIRouter(prefix="/orders", tags=["orders"], responses=problems(401, 503))


@router.post("/{order_id}/label", responses=problems(404))
def create_label(db: DatabaseDep, user: CurrentUser, order_id: OrderId) -> Label:
    """Ask the carrier for a label, and hold no connection meanwhile."""
    with db.reading() as reader:
        order = found(service.get_order(reader, user.id, order_id))
    label = ask_carrier(order.id)
    with db.unit() as session:
        service.add_task(session, order.id, f"Print {label}")
    return Label(label=label)


def ask_carrier(order_id: int) -> str:
    """Stand for a request to the service of a carrier."""
    time.sleep(0.1)
    return f"label {order_id}"
