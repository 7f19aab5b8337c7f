"""Health, for whoever watches over the service."""

import anyio.to_thread
from fastapi import APIRouter, Request, Response, status
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.database import Database
from app.errors import problem
from app.openapi import NotReady, Ready

router = APIRouter(prefix="/health", tags=["health"])

TIMEOUT = 2.0  # seconds


@router.get("/live")
async def live() -> dict[str, str]:
    """Tell that the process answers; it asks nobody else, and takes no thread."""
    return {"status": "ok"}


@router.get("/ready", response_model=Ready, responses={503: {"model": NotReady}})
async def ready(request: Request) -> Response | Ready:
    """Tell whether the database answers too, on a connection beside those of requests."""
    db: Database = request.state.db

    def ask() -> None:
        with db.readers() as reader:
            reader.execute(select(1))

    try:
        with anyio.fail_after(TIMEOUT):
            # A thread beside those of requests; one that hangs is not waited for.
            limiter = anyio.CapacityLimiter(1)
            await anyio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=limiter)
    except (SQLAlchemyError, TimeoutError):
        return problem(
            status.HTTP_503_SERVICE_UNAVAILABLE,
            "The database does not answer.",
            {"Retry-After": "1"},
            parts={"database": "down"},
        )
    return Ready(status="ok", parts={"database": "ok"})
