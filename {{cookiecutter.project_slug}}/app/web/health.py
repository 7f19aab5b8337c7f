"""Health probes."""

from fastapi import APIRouter, Request, Response, status

from app.database import Database
from app.web.openapi import NotReady, Ready
from app.web.problems import problem

router = APIRouter(prefix="/health", tags=["health"])

TIMEOUT = 2.0  # seconds


@router.get("/live")
async def live() -> dict[str, str]:
    """Report that the process is alive; checks no dependency."""
    return {"status": "ok"}


@router.get("/ready", response_model=Ready, responses={503: {"model": NotReady}})
async def ready(request: Request) -> Response | Ready:
    """Report whether the database answers; uses a connection that is reserved for this."""
    db: Database = request.state.db
    if await db.probe.succeeds(TIMEOUT):
        #% if cookiecutter.database != "sqlite"
        if db.replica is not None:  # without it, readers use the database
            replica = "ok" if db.replica.available else "down"
            return Ready(status="ok", parts={"database": "ok", "replica": replica})
        #% endif
        return Ready(status="ok", parts={"database": "ok"})
    return problem(
        status.HTTP_503_SERVICE_UNAVAILABLE,
        "The database does not answer.",
        {"Retry-After": "1"},
        parts={"database": "down"},
    )
