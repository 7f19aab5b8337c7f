"""What autogenerate must know of MySQL and MariaDB: a foreign key does not let go of its index."""

from collections.abc import Iterable, Iterator
from typing import Any

from alembic.ddl.mysql import MySQLImpl
from alembic.operations.ops import (
    AddColumnOp,
    CreateForeignKeyOp,
    CreateTableOp,
    DropConstraintOp,
    DropIndexOp,
    MigrateOperation,
    ModifyTableOps,
)
from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    BLOB,
    Column,
    Connection,
    Dialect,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    TypeDecorator,
    UniqueConstraint,
    inspect,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from app.database.migrations.autogenerate import ByValue

OPTIONS: dict[str, Any] = {}

# The sizes of types, in bytes.
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
    """Drop foreign keys before their indexes, and make those anew that are to stay.

    On MariaDB, a computed column takes no NOT NULL: SQLAlchemy leaves it out, and so must a revision.
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
    """Give the columns that operations add, in tables that they create or change."""
    for operation in operations:
        if isinstance(operation, CreateTableOp):
            yield from (it for it in operation.columns if isinstance(it, Column))
        elif isinstance(operation, ModifyTableOps):
            yield from (it.column for it in operation.ops if isinstance(it, AddColumnOp))


def kept_foreign_keys(
    table: ModifyTableOps, context: MigrationContext
) -> list[ForeignKeyConstraint]:
    """Give the foreign keys that the table has both before and after the revision."""
    model = context.opts["target_metadata"].tables.get(table.table_name)
    connection = context.connection
    if model is None or connection is None or not has_table(connection, table.table_name):
        return []
    present = {it["name"] for it in inspect(connection).get_foreign_keys(table.table_name)}
    return [it for it in model.foreign_key_constraints if it.name in present]


def has_table(connection: Connection, name: str) -> bool:
    """Tell whether the database has the table."""
    return inspect(connection).has_table(name)


def in_order(
    operations: list[MigrateOperation], keep: list[ForeignKeyConstraint]
) -> list[MigrateOperation]:
    """Put first what drops foreign keys, those too whose index is dropped; these are made last."""
    dropped = [set(it.columns.keys()) for it in map(dropped_index, operations) if it is not None]
    first = [it for it in operations if drops_foreign_key(it)]
    changed = {it.constraint_name for it in first if isinstance(it, DropConstraintOp)}
    again = [
        it
        for it in keep
        if it.name not in changed and any(set(it.column_keys) <= columns for columns in dropped)
    ]
    return [
        *first,
        *(DropConstraintOp.from_constraint(it) for it in again),
        *(it for it in operations if it not in first),
        *(CreateForeignKeyOp.from_constraint(it) for it in again),
    ]


def drops_foreign_key(operation: MigrateOperation) -> bool:
    """Tell whether an operation drops a foreign key."""
    return isinstance(operation, DropConstraintOp) and operation.constraint_type == "foreignkey"


def dropped_index(operation: MigrateOperation) -> Index | UniqueConstraint | None:
    """Give the index that an operation drops; a unique constraint is one, too."""
    if isinstance(operation, DropIndexOp):
        return operation.to_index()
    if isinstance(operation, DropConstraintOp) and operation.constraint_type == "unique":
        constraint = operation.to_constraint()
        return constraint if isinstance(constraint, UniqueConstraint) else None
    return None


class MySQL(ByValue, MySQLImpl):
    """In the place of Alembic's own."""

    __dialect__ = "mysql"

    def compare_type(self, inspector_column: Column[Any], metadata_column: Column[Any]) -> bool:
        """Tell whether the types differ; a server makes `BLOB(32)` the smallest type that fits."""
        sizes, needed = size_of(metadata_column.type, self.dialect)
        present = sizes.get(type(inspector_column.type))
        if present is not None:
            return present != min((it for it in sizes.values() if it >= needed), default=2**32 - 1)
        compare: Any = super().compare_type
        return bool(compare(inspector_column, metadata_column))


def size_of(kind: TypeEngine[Any], dialect: Dialect) -> tuple[Sizes, int]:
    """Give how many bytes a BLOB or a TEXT of some length needs, in utf8mb4; of other types nothing."""
    plain = kind.load_dialect_impl(dialect) if isinstance(kind, TypeDecorator) else kind
    plain = plain.dialect_impl(dialect)  # of a variant
    if isinstance(plain, LargeBinary) and plain.length:
        return BLOBS, plain.length
    if isinstance(plain, Text) and plain.length:
        return TEXTS, 4 * plain.length
    return {}, 0


class MariaDB(MySQL):
    """The same for MariaDB, which is a dialect of its own."""

    __dialect__ = "mariadb"
