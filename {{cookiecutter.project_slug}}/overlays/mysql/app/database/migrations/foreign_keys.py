"""Orders operations on foreign keys: MySQL and MariaDB do not drop an index that one needs."""

from alembic.operations.ops import (
    CreateForeignKeyOp,
    DropConstraintOp,
    DropIndexOp,
    MigrateOperation,
    ModifyTableOps,
)
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, ForeignKeyConstraint, Index, UniqueConstraint, inspect


def kept_foreign_keys(
    table: ModifyTableOps, context: MigrationContext
) -> list[ForeignKeyConstraint]:
    """Return the foreign keys that the table has both before and after the revision."""
    model = context.opts["target_metadata"].tables.get(table.table_name)
    connection = context.connection
    if model is None or connection is None or not has_table(connection, table.table_name):
        return []
    present = {it["name"] for it in inspect(connection).get_foreign_keys(table.table_name)}
    return [it for it in model.foreign_key_constraints if it.name in present]


def has_table(connection: Connection, name: str) -> bool:
    """Return whether the database has the table."""
    return inspect(connection).has_table(name)


def in_order(
    operations: list[MigrateOperation], keep: list[ForeignKeyConstraint]
) -> list[MigrateOperation]:
    """Drop foreign keys first, also those whose index is dropped; create the latter again last."""
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
    """Return whether an operation drops a foreign key."""
    return isinstance(operation, DropConstraintOp) and operation.constraint_type == "foreignkey"


def dropped_index(operation: MigrateOperation) -> Index | UniqueConstraint | None:
    """Return the index or the unique constraint that an operation drops."""
    if isinstance(operation, DropIndexOp):
        return operation.to_index()
    if isinstance(operation, DropConstraintOp) and operation.constraint_type == "unique":
        constraint = operation.to_constraint()
        return constraint if isinstance(constraint, UniqueConstraint) else None
    return None
