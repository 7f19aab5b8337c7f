"""What the project has already: words of its database, tables, models and routes."""

import sys
from pathlib import Path

from sqlalchemy import Table

from app.database import Base
from app.settings import Settings

try:
    from app import tables
    from app.main import app
except (ImportError, SyntaxError, ValueError) as error:
    sys.exit(f"The project cannot be imported: {error}")

ROOT = Path(__file__).parents[1]
TEMPLATES = Path(__file__).parent / "templates"

SQL_WORDS = frozenset(Settings().database_url.get_dialect().preparer.reserved_words)
TABLES = tables.metadata.tables
MODELS = {mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers}
URLS = [*app.openapi()["paths"], app.docs_url, app.redoc_url, app.openapi_url]
PATHS = frozenset(url.split("/")[1] for url in URLS if url)


def model_of(table: Table) -> type[Base] | None:
    """Return the model of a table."""
    for mapper in Base.registry.mappers:
        if mapper.local_table is table:
            model: type[Base] = mapper.class_
            return model
    return None


def existing(plural: str) -> list[str]:
    """Return the files and folders that a new domain would replace."""
    names = [f"app/{plural}", f"app/{plural}.py", f"tests/{plural}", f"tests/{plural}.py"]
    return [name for name in names if (ROOT / name).exists()]
