"""Orders as a file and over a websocket."""

import uuid
from collections.abc import AsyncIterator, Sequence

from fastapi import APIRouter, Request, WebSocket
from fastapi.responses import StreamingResponse

from app.database import Database
from app.orders import service
from app.orders.service import Exported
from app.users.dependencies import CurrentUser, found, get_user_by_token
from app.web.openapi import problems

PART = 500  # rows that one unit of work reads

router = APIRouter(prefix="/orders", tags=["orders"], responses=problems(401, 503))


@router.get("/export", response_class=StreamingResponse)
def export(request: Request, user: CurrentUser) -> StreamingResponse:
    """Send all orders of the current user."""
    return StreamingResponse(lines(request.state.db, user.id), media_type="text/csv")


async def lines(db: Database, user_id: uuid.UUID) -> AsyncIterator[str]:
    """Read part after part, and hold no connection while the client is slow."""
    yield "number,status,total,created_at\n"
    rows = await part(db, user_id, 0)
    while rows:
        for _, number, status, total, created_at in rows:
            yield f"{number},{status.value},{total},{created_at.isoformat()}\n"
        rows = await part(db, user_id, rows[-1][0])


async def part(db: Database, user_id: uuid.UUID, after: int) -> Sequence[Exported]:
    return await db.run_in_background(service.export_orders, user_id, after, PART, read_only=True)


@router.websocket("/watch")
async def watch(websocket: WebSocket) -> None:
    """Send the status for each order number that the client sends."""
    db: Database = websocket.state.db
    _, _, token = websocket.headers.get("Authorization", "").partition(" ")
    user = found(await db.run_in_background(get_user_by_token, token, read_only=True))
    await websocket.accept()
    async for text in websocket.iter_text():
        order_id = int(text) if text.isdecimal() else 0
        order = await db.run_in_background(service.get_order, user.id, order_id, read_only=True)
        await websocket.send_json({"status": order.status.value if order else None})
