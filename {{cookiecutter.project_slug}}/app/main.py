"""The application: `uv run fastapi dev` serves it."""

from fastapi import FastAPI

from app import errors, health
from app.database import lifespan
from app.deadline import Deadline
from app.items.router import router as items_router
from app.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Build the application; it opens its database when it starts, not before."""
    app = FastAPI(
        title="{{ cookiecutter.project_name }}",
        summary="{{ cookiecutter.description }}",
        lifespan=lifespan,
    )
    app.state.settings = settings
    errors.install(app)
    if settings.request_timeout is not None:
        app.add_middleware(Deadline, seconds=settings.request_timeout)
    app.include_router(health.router)
    app.include_router(items_router)
    return app


app = create_app(Settings())
