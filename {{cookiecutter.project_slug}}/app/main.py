"""The application: `uv run fastapi dev` serves it."""

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware

from app import errors, health, logs
from app.database import lifespan
from app.deadline import Deadline
from app.items.router import router as items_router
from app.middleware import RequestContext
#% if cookiecutter.telemetry
from app.opentelemetry import observe_database
#% endif
from app.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Build the application; it opens its database when it starts, not before."""
    app = FastAPI(
        title="{{ cookiecutter.project_name }}",
        summary="{{ cookiecutter.description }}",
        openapi_url="/openapi.json" if settings.docs else None,
        max_body_size=settings.max_body_size,
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

    # The one that is added last stands around all others.
    if settings.request_timeout is not None:
        app.add_middleware(Deadline, seconds=settings.request_timeout)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["X-Request-ID"],
        )
    if settings.allowed_hosts != ["*"]:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=settings.allowed_hosts)
    app.add_middleware(RequestContext, https_only=settings.environment == "production")
    return app


settings = Settings()
logs.configure(settings)
app = create_app(settings)
