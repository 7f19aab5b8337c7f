"""The application: `uv run fastapi dev` serves it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.trustedhost import TrustedHostMiddleware

from app import logs
from app.database import Database, connected
from app.items.router import router as items_router
from app.settings import Settings
#% if cookiecutter.telemetry
from app.telemetry import observe_database
#% endif
from app.web import errors, health
from app.web.deadline import Deadline
from app.web.openapi import COMMON, App
#% if cookiecutter.database != "sqlite"
from app.web.own_writes import OwnWrites
#% endif
from app.web.request_context import RequestContext


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[dict[str, Database]]:
    """Open the database when the app starts, and close it when the app stops."""
    #% if cookiecutter.session == "async"
    async with connected(app.state.settings) as db:
        yield {"db": db}


    #% else
    with connected(app.state.settings) as db:
        yield {"db": db}


    #% endif
def create_app(settings: Settings) -> FastAPI:
    """Build the application; it opens its database when it starts."""
    app = App(
        title="{{ cookiecutter.project_name }}",
        summary="{{ cookiecutter.description }}",
        openapi_url="/openapi.json" if settings.docs else None,
        responses=COMMON,
        lifespan=lifespan,
        #% if cookiecutter.telemetry
        telemetry={"auto_configure": True},
        #% endif
    )
    app.state.settings = settings
    errors.install(app)
    #% if cookiecutter.telemetry
    observe_database(app)
    #% endif
    app.include_router(items_router)
    app.include_router(health.router)

    # The middleware added last is outermost.
    if settings.request_timeout is not None:
        app.add_middleware(Deadline, seconds=settings.request_timeout)
    if settings.allowed_hosts != ["*"]:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=settings.allowed_hosts)
    app.add_middleware(
        RequestContext,
        https_only=settings.environment == "production",
        max_body_size=settings.max_body_size,
        cors_origins=settings.cors_origins,
    )
    #% if cookiecutter.database != "sqlite"
    if settings.database_replica_url is not None:
        app.add_middleware(OwnWrites)
    #% endif
    return app


settings = Settings()
logs.configure(settings)
app = create_app(settings)
