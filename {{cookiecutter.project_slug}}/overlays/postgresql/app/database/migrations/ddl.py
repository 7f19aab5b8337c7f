"""What autogenerate must know of PostgreSQL: schemas and Enum types exist beside the tables."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from alembic import context as alembic
from alembic.autogenerate.api import AutogenContext
from alembic.ddl.postgresql import PostgresqlImpl
from alembic.operations.ops import ExecuteSQLOp, MigrateOperation
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import ARRAY, JSON, Column, Dialect, MetaData, Table, inspect
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import TypeEngine

from app.database.migrations import autogenerate
from app.database.migrations.autogenerate import ByValue, same_default, sql_type

Quote = Callable[[str], str]


class Named(NamedTuple):
    """A table or a type; the schema is None where it is the default."""

    schema: str | None
    name: str

    def written(self, quote: Quote) -> str:
        """Give the name for a statement."""
        return ".".join(quote(it) for it in self if it is not None)


class Using(NamedTuple):
    """A column whose type is an Enum, or an array of one."""

    table: Named
    column: str
    default: str | None
    brackets: str


class Change(NamedTuple):
    """A change of the members of an Enum type, with the columns that use it before and after."""

    name: Named
    old: list[str]
    new: list[str]
    before: list[Using]
    after: list[Using]


Enums = dict[Named, list[str]]


def complete(
    upgrade: list[MigrateOperation],
    downgrade: list[MigrateOperation],
    context: MigrationContext,
) -> None:
    """Create schemas and Enum types before their tables, drop them after; change their members."""
    metadata: MetaData = context.opts["target_metadata"]
    inspector: Any = inspect(context.connection)
    quote = context.dialect.identifier_preparer.quote
    named = schemas_of_models(metadata, context.dialect)
    if inspector.default_schema_name in named:
        raise CommandError(
            f"A model names the schema {inspector.default_schema_name}: that is the default one,"
            " so leave the name out, or the table would be taken for another one"
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
    """Give the schemas that models name, for a table or for an Enum type."""
    named: list[Table | Named] = [*metadata.tables.values(), *enums_of_models(metadata, dialect)]
    return {schema for it in named if (schema := it.schema)}


def schemas_of_revisions() -> set[str]:
    """Give the schemas that autogenerate has created: no model may name them any more."""
    revisions = ScriptDirectory.from_config(alembic.config).walk_revisions()
    texts = [Path(it.path).read_text(encoding="utf-8") for it in revisions]
    created = re.compile(r'CREATE SCHEMA (?:\\?"(.+?)\\?"|(\w+))')
    return {quoted or plain for text in texts for quoted, plain in created.findall(text)}


def include_name(name: str | None, what: str, parents: Any) -> bool:
    """Compare the default schema and our own, not those of others in the same database."""
    if what == "schema":
        context = alembic.get_context()
        metadata: MetaData = context.opts["target_metadata"]
        own = schemas_of_models(metadata, context.dialect) | schemas_of_revisions()
        return name is None or name in own
    return autogenerate.include_name(name, what, parents)


def enum(kind: TypeEngine[Any], dialect: Dialect) -> ENUM | None:
    """Give the Enum type behind the type of a column, unless it has none of its own."""
    plain = sql_type(kind, dialect).dialect_impl(dialect)
    if isinstance(plain, ARRAY):
        return enum(plain.item_type, dialect)
    return plain if isinstance(plain, ENUM) else None


def enums_of_models(metadata: MetaData, dialect: Dialect) -> Enums:
    """Give the Enum types that models name, with their members."""
    columns = [column for table in metadata.sorted_tables for column in table.columns]
    kinds = [enum(column.type, dialect) for column in columns]
    return {Named(it.schema, it.name): list(it.enums) for it in kinds if it and it.name}


def enums_of_database(inspector: Any, schemas: set[str]) -> Enums:
    """Give the Enum types that the database has, where models have tables."""
    found = {}
    for it in inspector.get_enums(schema="*"):
        schema = None if it["schema"] == inspector.default_schema_name else it["schema"]
        if schema is None or schema in schemas:
            found[Named(schema, it["name"])] = it["labels"]
    return found


def columns_of_database(name: Named, inspector: Any, schemas: set[str]) -> list[Using]:
    """Give the columns of the database that use an Enum type."""
    found = []
    for schema in (None, *sorted(schemas)):
        for table, columns in inspector.get_multi_columns(schema=schema).items():
            for column in columns:
                kind, brackets = column["type"], ""
                if isinstance(kind, ARRAY):
                    kind, brackets = kind.item_type, "[]"
                if isinstance(kind, ENUM) and (kind.schema, kind.name) == name:
                    found.append(Using(Named(*table), column["name"], column["default"], brackets))
    return found


def columns_of_models(name: Named, context: MigrationContext) -> list[Using]:
    """Give the columns of models that use an Enum type."""
    dialect, metadata = context.dialect, context.opts["target_metadata"]
    compiler = dialect.ddl_compiler(dialect, CreateTable(next(iter(metadata.sorted_tables))))
    found = []
    for table in metadata.sorted_tables:
        for column in table.columns:
            kind = enum(column.type, dialect)
            if kind is not None and (kind.schema, kind.name) == name:
                default = compiler.get_column_default_string(column)
                brackets = "[]" if isinstance(sql_type(column.type, dialect), ARRAY) else ""
                found.append(Using(Named(table.schema, table.name), column.name, default, brackets))
    return found


def create_type(name: Named, members: list[str], quote: Quote) -> str:
    """Write the statement that creates an Enum type."""
    return f"CREATE TYPE {name.written(quote)} AS ENUM ({', '.join(map(literal, members))})"


def literal(member: str) -> str:
    """Write a member for `op.execute`, to which a colon begins the name of a parameter."""
    return "'{}'".format(re.sub(r":(?=\w)", r"\:", member.replace("'", "''")))


def change_members(change: Change, quote: Quote) -> list[str]:
    """Write what changes the members of an Enum type.

    New ones are added in their places, but cannot be a default in the same transaction. For that,
    to take one away, or for another order, there has to be another type, and every table that
    uses it is written anew.
    """
    name, old, new = change.name, change.old, change.new
    written = name.written(quote)
    added = [it for it in new if it not in old]
    if [it for it in new if it in old] == old and not any(names(it, added) for it in change.after):
        return [f"ALTER TYPE {written} ADD VALUE {place(it, old, new)}" for it in added]
    former = name._replace(name=f"{name.name}_old")
    statements = [
        f"ALTER TYPE {written} RENAME TO {quote(former.name)}",
        create_type(name, new, quote),
    ]
    removed = [it for it in old if it not in new]
    for it in change.before:
        alter = f"ALTER TABLE {it.table.written(quote)} ALTER COLUMN {quote(it.column)}"
        kind = f"{written}{it.brackets}"
        cast = f"{alter} TYPE {kind} USING {quote(it.column)}::text{it.brackets}::{kind}"
        statements += [f"{alter} DROP DEFAULT", cast] if it.default else [cast]
        if it.default and not names(it, removed):
            statements.append(f"{alter} SET DEFAULT {it.default}")
    return [*statements, f"DROP TYPE {former.written(quote)}"]


def names(column: Using, members: list[str]) -> bool:
    """Tell whether the default of a column is one of the members."""
    return any(literal(it) in (column.default or "") for it in members)


def place(member: str, old: list[str], new: list[str]) -> str:
    """Write a new member of an Enum type and where it belongs."""
    position = new.index(member)
    if position == 0:
        return f"{literal(member)} BEFORE {literal(old[0])}"
    return f"{literal(member)} AFTER {literal(new[position - 1])}"


def render_item(what: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Write an Enum type by its name: it is created and dropped by statements of their own."""
    if what == "type" and context.dialect is not None:
        plain = sql_type(item, context.dialect).dialect_impl(context.dialect)
        if isinstance(plain, ENUM):
            context.imports.add("from sqlalchemy.dialects import postgresql")
            schema = f", schema={plain.schema!r}" if plain.schema else ""
            members = ", ".join(map(repr, plain.enums))
            return f"postgresql.ENUM({members}, name={plain.name!r}{schema}, create_type=False)"
    return autogenerate.render_item(what, item, context)


class PostgreSQL(ByValue, PostgresqlImpl):
    """In the place of Alembic's own, which asks the server whether two defaults are equal."""

    __dialect__ = "postgresql"

    def compare_server_default(
        self,
        inspector_column: Column[Any],
        metadata_column: Column[Any],
        rendered_metadata_default: str | None,
        rendered_inspector_default: str | None,
    ) -> bool:
        """Do not ask where the server has no answer: no `=` for JSON, no members to come."""
        wanted, present = rendered_metadata_default, rendered_inspector_default
        kind = sql_type(metadata_column.type, self.dialect)
        if wanted and present and (isinstance(kind, JSON) or enum(kind, self.dialect)):
            return not same_default(wanted, present)
        return super().compare_server_default(inspector_column, metadata_column, wanted, present)


OPTIONS: dict[str, Any] = {
    "include_schemas": True,
    "include_name": include_name,
    "render_item": render_item,
}
