"""Functions for orders; the caller owns the transaction, so nothing here commits."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Row, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.database import Descending, Ordering, Slice, WriteSession, read_page
from app.orders.models import Order, OrderLine, Redemption, Status, Task
from app.orders.schemas import OrderCreate, OrderUpdate
from app.products.models import Product

NEWEST = Ordering("orders", Descending(Order.created_at), Descending(Order.id))

Exported = Row[int, uuid.UUID, Status, Decimal, datetime]


class UnknownProductError(Exception):
    """An order names an unknown product."""


class ChangedMeanwhileError(Exception):
    """The order has another version than the one that the client has read."""


async def create_order(session: WriteSession, user_id: uuid.UUID, data: OrderCreate) -> Order:
    """Store an order with its lines; ignore a coupon that was used before."""
    wanted = [line.sku for line in data.lines]
    rows = await session.execute(select(Product.sku, Product.price).where(Product.sku.in_(wanted)))
    prices = {row.sku: row.price for row in rows}
    if unknown := {*wanted} - {*prices}:
        raise UnknownProductError(", ".join(sorted(unknown)))
    order = Order(
        **data.model_dump(exclude={"lines", "coupon"}),
        user_id=user_id,
        lines=[
            OrderLine(sku=line.sku, quantity=line.quantity, price=prices[line.sku])
            for line in data.lines
        ],
    )
    session.add(order)
    await session.flush()
    goods = sum((line.amount for line in order.lines), Decimal(0))
    if data.coupon and await redeem(session, user_id, data.coupon):
        goods = (goods * Decimal("0.9")).quantize(Decimal("0.01"))
    order.goods = goods
    await session.flush()
    return order


async def redeem(session: WriteSession, user_id: uuid.UUID, coupon: str) -> bool:
    """Use a coupon; return whether it was new."""
    try:
        async with session.begin_nested():
            session.add(Redemption(user_id=user_id, coupon=coupon))
    except IntegrityError:
        return False
    return True


async def get_order(session: AsyncSession, user_id: uuid.UUID, order_id: int) -> Order | None:
    """Find an order of a user, with its lines."""
    return await session.scalar(
        select(Order)
        .where(Order.id == order_id, Order.user_id == user_id)
        .options(selectinload(Order.lines))
    )


async def list_orders(
    session: AsyncSession,
    user_id: uuid.UUID,
    *,
    limit: int,
    cursor: str | None = None,
    status: Status | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    gift: bool | None = None,
    minimum: Decimal | None = None,
) -> Slice:
    """Return up to `limit` orders, the newest first."""
    query = select(Order).where(Order.user_id == user_id).options(selectinload(Order.lines))
    if status is not None:
        query = query.where(Order.status == status)
    if since is not None:
        query = query.where(Order.created_at >= since)
    if until is not None:
        query = query.where(Order.created_at < until)
    if gift is not None:
        query = query.where(Order.gift == gift)
    if minimum is not None:
        query = query.where(Order.total >= minimum)
    return await read_page(session, query, NEWEST, limit=limit, cursor=cursor)


async def export_orders(
    session: AsyncSession, user_id: uuid.UUID, after: int, limit: int
) -> Sequence[Exported]:
    """Return the next part of an export."""
    rows = await session.execute(
        select(Order.id, Order.number, Order.status, Order.total, Order.created_at)
        .where(Order.user_id == user_id, Order.id > after)
        .order_by(Order.id)
        .limit(limit)
    )
    return rows.all()


async def update_order(session: WriteSession, order: Order, data: OrderUpdate) -> Order:
    """Change the fields that the client sent, if the order still has the client's version."""
    if data.version != order.version:
        raise ChangedMeanwhileError
    for name, value in data.model_dump(exclude_unset=True, exclude={"version"}).items():
        setattr(order, name, value)
    if data.status is Status.PAID:
        order.paid_at = datetime.now(UTC)
    await session.flush()
    return order


async def delete_order(session: WriteSession, order: Order) -> None:
    """Remove an order with its lines."""
    await session.delete(order)
    await session.flush()


async def add_task(session: WriteSession, order_id: int, text: str) -> None:
    """Add a task for the warehouse."""
    session.add(Task(order_id=order_id, text=text))
    await session.flush()


async def send_orders(session: WriteSession) -> int:
    """Send all paid orders; return how many."""
    orders = await session.scalars(
        select(Order).where(Order.status == Status.PAID).with_for_update()
    )
    sent = 0
    for order in orders:
        order.status = Status.SENT
        sent += 1
    await session.flush()
    return sent
