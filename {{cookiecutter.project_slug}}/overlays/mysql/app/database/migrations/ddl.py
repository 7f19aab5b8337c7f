"""Adapts autogenerate to MySQL and MariaDB: the index of a foreign key cannot be dropped."""

from collections.abc import Iterable, Iterator
from typing import Any

from alembic.ddl.mysql import MySQLImpl
from alembic.operations.ops import (
    AddColumnOp,
    CreateTableOp,
    MigrateOperation,
    ModifyTableOps,
)
from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    BLOB,
    Column,
    Dialect,
    LargeBinary,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from app.database.migrations.defaults import ByValue
from app.database.migrations.foreign_keys import in_order, kept_foreign_keys

OPTIONS: dict[str, Any] = {}

# The maximum sizes of types, in bytes.
Sizes = dict[type[TypeEngine[Any]], int]
BLOBS: Sizes = {
    mysql.TINYBLOB: 2**8 - 1,
    BLOB: 2**16 - 1,
    mysql.MEDIUMBLOB: 2**24 - 1,
    mysql.LONGBLOB: 2**32 - 1,
}
TEXTS: Sizes = {
    mysql.TINYTEXT: 2**8 - 1,
    mysql.TEXT: 2**16 - 1,
    mysql.MEDIUMTEXT: 2**24 - 1,
    mysql.LONGTEXT: 2**32 - 1,
}


def complete(
    upgrade: list[MigrateOperation],
    downgrade: list[MigrateOperation],
    context: MigrationContext,
) -> None:
    """Drop foreign keys before their indexes, and create again those that the models keep.

    MariaDB rejects NOT NULL for a computed column: SQLAlchemy omits it, and so does a revision.
    """
    if context.dialect.name == "mariadb":
        for column in new_columns(upgrade):
            if column.computed is not None:
                column.nullable = True
    for table in (*upgrade, *downgrade):
        if isinstance(table, ModifyTableOps):
            keep = kept_foreign_keys(table, context)
            table.ops = in_order(table.ops, keep)


def new_columns(operations: Iterable[MigrateOperation]) -> Iterator[Column[Any]]:
    """Yield the columns that operations add, in tables that they create or change."""
    for operation in operations:
        if isinstance(operation, CreateTableOp):
            yield from (it for it in operation.columns if isinstance(it, Column))
        elif isinstance(operation, ModifyTableOps):
            yield from (it.column for it in operation.ops if isinstance(it, AddColumnOp))


class MySQL(ByValue, MySQLImpl):
    """Replaces Alembic's own class."""

    __dialect__ = "mysql"

    def compare_type(self, inspector_column: Column[Any], metadata_column: Column[Any]) -> bool:
        """Return whether the types differ; `BLOB(32)` becomes the smallest type that fits."""
        sizes, needed = size_of(metadata_column.type, self.dialect)
        present = sizes.get(type(inspector_column.type))
        if present is not None:
            return present != min((it for it in sizes.values() if it >= needed), default=2**32 - 1)
        compare: Any = super().compare_type
        return bool(compare(inspector_column, metadata_column))


def size_of(kind: TypeEngine[Any], dialect: Dialect) -> tuple[Sizes, int]:
    """Return the bytes that a BLOB or a TEXT (in utf8mb4) needs, and the sizes to choose from."""
    plain = kind.load_dialect_impl(dialect) if isinstance(kind, TypeDecorator) else kind
    plain = plain.dialect_impl(dialect)  # of a variant
    if isinstance(plain, LargeBinary) and plain.length:
        return BLOBS, plain.length
    if isinstance(plain, Text) and plain.length:
        return TEXTS, 4 * plain.length
    return {}, 0


class MariaDB(MySQL):
    """The same for MariaDB, which Alembic treats as another dialect."""

    __dialect__ = "mariadb"
