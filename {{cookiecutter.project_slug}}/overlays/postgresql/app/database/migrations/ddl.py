"""Adapts autogenerate to PostgreSQL: schemas and Enum types exist separately from tables."""

import re
from pathlib import Path
from typing import Any, Literal

from alembic import context as alembic
from alembic.autogenerate.api import AutogenContext
from alembic.ddl.postgresql import PostgresqlImpl
from alembic.operations.ops import ExecuteSQLOp, MigrateOperation
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import ARRAY, JSON, Column, Dialect, MetaData, Table, inspect
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ENUM

from app.database.migrations import autogenerate
from app.database.migrations.autogenerate import sql_type
from app.database.migrations.defaults import ByValue, same_default
from app.database.migrations.enum_changes import Change, change_members, create_type
from app.database.migrations.enums import (
    QualifiedName,
    columns_of_database,
    columns_of_models,
    enum_of,
    enums_of_database,
    enums_of_models,
)


def complete(
    upgrade: list[MigrateOperation],
    downgrade: list[MigrateOperation],
    context: MigrationContext,
) -> None:
    """Create schemas and Enum types before tables, drop them after; change Enum members."""
    metadata: MetaData = context.opts["target_metadata"]
    inspector: Any = inspect(context.connection)
    quote = context.dialect.identifier_preparer.quote
    named = schemas_of_models(metadata, context.dialect)
    if inspector.default_schema_name in named:
        raise CommandError(
            f"A model sets the schema {inspector.default_schema_name}, which is the default schema:"
            " remove it from the model, or autogenerate compares the wrong tables"
        )
    schemas = named | schemas_of_revisions()
    present = schemas.intersection(inspector.get_schema_names())
    new_schemas, old_schemas = sorted(named - present), sorted(present - named)
    before = enums_of_database(inspector, present)
    after = enums_of_models(metadata, context.dialect)
    new, old = (
        sorted(after.keys() - before.keys(), key=str),
        sorted(before.keys() - after.keys(), key=str),
    )
    first = [f"CREATE SCHEMA {quote(it)}" for it in new_schemas]
    first += [create_type(it, after[it], quote) for it in new]
    last = [f"DROP TYPE {it.written(quote)}" for it in old]
    last += [f"DROP SCHEMA {quote(it)}" for it in old_schemas]
    first_down = [f"CREATE SCHEMA {quote(it)}" for it in old_schemas]
    first_down += [create_type(it, before[it], quote) for it in old]
    last_down = [f"DROP TYPE {it.written(quote)}" for it in new]
    last_down += [f"DROP SCHEMA {quote(it)}" for it in new_schemas]
    for it in after:
        if it in before and before[it] != after[it]:
            now, then = columns_of_database(it, inspector, present), columns_of_models(it, context)
            first += change_members(Change(it, before[it], after[it], now, then), quote)
            first_down += change_members(Change(it, after[it], before[it], then, now), quote)
    surround(upgrade, first, last)
    surround(downgrade, first_down, last_down)


def surround(operations: list[MigrateOperation], first: list[str], last: list[str]) -> None:
    """Put statements before and after operations."""
    operations[:] = [*map(ExecuteSQLOp, first), *operations, *map(ExecuteSQLOp, last)]


def schemas_of_models(metadata: MetaData, dialect: Dialect) -> set[str]:
    """Return the schemas that models use for a table or an Enum type."""
    named: list[Table | QualifiedName] = [
        *metadata.tables.values(),
        *enums_of_models(metadata, dialect),
    ]
    return {schema for it in named if (schema := it.schema)}


def schemas_of_revisions() -> set[str]:
    """Return the schemas that earlier revisions created: models may no longer use them."""
    revisions = ScriptDirectory.from_config(alembic.config).walk_revisions()
    texts = [Path(it.path).read_text(encoding="utf-8") for it in revisions]
    created = re.compile(r'CREATE SCHEMA (?:\\?"(.+?)\\?"|(\w+))')
    return {quoted or plain for text in texts for quoted, plain in created.findall(text)}


def include_name(name: str | None, what: str, parents: Any) -> bool:
    """Compare the default schema and those of this service; ignore others in the same database."""
    if what == "schema":
        context = alembic.get_context()
        metadata: MetaData = context.opts["target_metadata"]
        own = schemas_of_models(metadata, context.dialect) | schemas_of_revisions()
        return name is None or name in own
    return autogenerate.include_name(name, what, parents)


def render_item(what: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Render an Enum type with `create_type=False`: separate statements create and drop it."""
    if what == "type" and context.dialect is not None:
        plain = sql_type(item, context.dialect).dialect_impl(context.dialect)
        if isinstance(plain, ENUM):
            context.imports.add("from sqlalchemy.dialects import postgresql")
            schema = f", schema={plain.schema!r}" if plain.schema else ""
            members = ", ".join(map(repr, plain.enums))
            return f"postgresql.ENUM({members}, name={plain.name!r}{schema}, create_type=False)"
        if isinstance(plain, ARRAY) and not isinstance(item, ARRAY):  # in a type of the project
            array = postgresql.ARRAY(plain.item_type, dimensions=plain.dimensions)
            return autogenerate.render_type(array, context)
    return autogenerate.render_item(what, item, context)


class PostgreSQL(ByValue, PostgresqlImpl):
    """Replaces Alembic's own class, which compares two defaults on the server."""

    __dialect__ = "postgresql"

    def compare_server_default(
        self,
        inspector_column: Column[Any],
        metadata_column: Column[Any],
        rendered_metadata_default: str | None,
        rendered_inspector_default: str | None,
    ) -> bool:
        """Compare JSON and Enum defaults here: the server has no JSON `=`, no new member."""
        wanted, present = rendered_metadata_default, rendered_inspector_default
        kind = sql_type(metadata_column.type, self.dialect)
        if wanted and present and (isinstance(kind, JSON) or enum_of(kind, self.dialect)):
            return not same_default(wanted, present)
        return super().compare_server_default(inspector_column, metadata_column, wanted, present)


OPTIONS: dict[str, Any] = {
    "include_schemas": True,
    "include_name": include_name,
    "render_item": render_item,
}
