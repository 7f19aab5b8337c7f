"""Orders as a file and over a websocket."""

import uuid
from collections.abc import AsyncIterator, Sequence

from fastapi import APIRouter, WebSocket
from fastapi.responses import StreamingResponse

from app.database import UnitsOfWork
from app.dependencies import DatabaseDep
from app.orders import service
from app.orders.service import Exported
from app.users.dependencies import CurrentUser, find_user, found
from app.web.openapi import problems

PART = 500  # rows that one unit of work reads

router = APIRouter(prefix="/orders", tags=["orders"], responses=problems(401, 503))


@router.get("/export", response_class=StreamingResponse)
async def export(db: DatabaseDep, user: CurrentUser) -> StreamingResponse:
    """Send all orders of the current user."""
    return StreamingResponse(lines(db, user.id), media_type="text/csv")


async def lines(db: UnitsOfWork, user_id: uuid.UUID) -> AsyncIterator[str]:
    """Read part after part, and hold no connection while the client is slow."""
    yield "number,status,total,created_at\n"
    rows = await part(db, user_id, 0)
    while rows:
        for _, number, status, total, created_at in rows:
            yield f"{number},{status.value},{total},{created_at.isoformat()}\n"
        rows = await part(db, user_id, rows[-1][0])


async def part(db: UnitsOfWork, user_id: uuid.UUID, after: int) -> Sequence[Exported]:
    async with db.reading() as reader:
        return await service.export_orders(reader, user_id, after, PART)


@router.websocket("/watch")
async def watch(websocket: WebSocket, db: DatabaseDep) -> None:
    """Send the status for each order number that the client sends."""
    _, _, token = websocket.headers.get("Authorization", "").partition(" ")
    async with db.reading() as reader:
        user = found(await find_user(reader, token))
    await websocket.accept()
    async for text in websocket.iter_text():
        order_id = int(text) if text.isdecimal() else 0
        async with db.reading() as reader:
            order = await service.get_order(reader, user.id, order_id)
        await websocket.send_json({"status": order.status.value if order else None})
