"""The application: `uv run fastapi dev` serves it."""

from fastapi import FastAPI
from fastapi.middleware.trustedhost import TrustedHostMiddleware

from app import errors, health, logs
from app.database import lifespan
from app.deadline import Deadline
from app.items.router import router as items_router
from app.middleware import RequestContext
from app.openapi import COMMON, App
#% if cookiecutter.telemetry
from app.opentelemetry import observe_database
#% endif
from app.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Build the application; it opens its database when it starts, not before."""
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
    return app


settings = Settings()
logs.configure(settings)
app = create_app(settings)
