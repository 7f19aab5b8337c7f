"""Finds PostgreSQL's Enum types, and the columns that use them."""

from collections.abc import Callable
from typing import Any, NamedTuple

from alembic.runtime.migration import MigrationContext
from sqlalchemy import ARRAY, Dialect, MetaData
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import TypeEngine

from app.database.migrations.autogenerate import IGNORED_PREFIXES, sql_type

Quote = Callable[[str], str]


class QualifiedName(NamedTuple):
    """A table or a type; the schema is None where it is the default."""

    schema: str | None
    name: str

    def written(self, quote: Quote) -> str:
        """Return the quoted name for a statement."""
        return ".".join(quote(it) for it in self if it is not None)


class EnumColumn(NamedTuple):
    """A column whose type is an Enum, or an array of one."""

    table: QualifiedName
    column: str
    default: str | None
    brackets: str


Enums = dict[QualifiedName, list[str]]


def enum_of(kind: TypeEngine[Any], dialect: Dialect) -> ENUM | None:
    """Return the Enum type that a column type, or the elements of an array, use on the server."""
    plain = sql_type(kind, dialect).dialect_impl(dialect)
    if isinstance(plain, ARRAY):
        return enum_of(plain.item_type, dialect)
    return plain if isinstance(plain, ENUM) else None


def enums_of_models(metadata: MetaData, dialect: Dialect) -> Enums:
    """Return the Enum types of the models, with their members."""
    columns = [column for table in metadata.sorted_tables for column in table.columns]
    kinds = [enum_of(column.type, dialect) for column in columns]
    return {QualifiedName(it.schema, it.name): list(it.enums) for it in kinds if it and it.name}


def enums_of_database(inspector: Any, schemas: set[str]) -> Enums:
    """Return the Enum types of the database, in the default schema and in `schemas`."""
    found = {}
    for it in inspector.get_enums(schema="*"):
        schema = None if it["schema"] == inspector.default_schema_name else it["schema"]
        ours = not it["name"].startswith(IGNORED_PREFIXES)
        if ours and (schema is None or schema in schemas):
            found[QualifiedName(schema, it["name"])] = it["labels"]
    return found


def columns_of_database(name: QualifiedName, inspector: Any, schemas: set[str]) -> list[EnumColumn]:
    """Return the columns of the database that use an Enum type."""
    found = []
    for schema in (None, *sorted(schemas)):
        for table, columns in inspector.get_multi_columns(schema=schema).items():
            for column in columns:
                kind, brackets = column["type"], ""
                if isinstance(kind, ARRAY):
                    kind, brackets = kind.item_type, "[]"
                if isinstance(kind, ENUM) and (kind.schema, kind.name) == name:
                    found.append(
                        EnumColumn(
                            QualifiedName(*table), column["name"], column["default"], brackets
                        )
                    )
    return found


def columns_of_models(name: QualifiedName, context: MigrationContext) -> list[EnumColumn]:
    """Return the columns of the models that use an Enum type."""
    dialect, metadata = context.dialect, context.opts["target_metadata"]
    compiler = dialect.ddl_compiler(dialect, CreateTable(next(iter(metadata.sorted_tables))))
    found = []
    for table in metadata.sorted_tables:
        for column in table.columns:
            kind = enum_of(column.type, dialect)
            if kind is not None and (kind.schema, kind.name) == name:
                default = compiler.get_column_default_string(column)
                brackets = "[]" if isinstance(sql_type(column.type, dialect), ARRAY) else ""
                found.append(
                    EnumColumn(
                        QualifiedName(table.schema, table.name), column.name, default, brackets
                    )
                )
    return found
