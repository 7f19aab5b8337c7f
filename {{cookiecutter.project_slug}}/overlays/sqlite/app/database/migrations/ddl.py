"""Adapts migrations to SQLite: to change a table, it must be created again."""

import re
from typing import Any

from alembic.ddl.sqlite import SQLiteImpl
from alembic.operations.ops import MigrateOperation
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, Inspector, Table, event, text

from app.database.migrations.defaults import ByValue

# SQLite's ALTER TABLE is limited: batch mode creates a new table and copies the rows.
OPTIONS: dict[str, Any] = {"render_as_batch": True}


def complete(
    _upgrade: list[MigrateOperation],
    _downgrade: list[MigrateOperation],
    _context: MigrationContext,
) -> None:
    """Do nothing: Alembic's operations are complete."""


class SQLite(ByValue, SQLiteImpl):
    """Replaces Alembic's own class."""

    __dialect__ = "sqlite"

    def prep_table_for_batch(self, batch_impl: Any, table: Table) -> None:
        """Do not copy computed columns: the new table computes them."""
        for column in table.columns:
            if column.computed is not None:
                batch_impl.column_transfers.get(column.name, {}).pop("expr", None)


@event.listens_for(Table, "column_reflect")
def find_expression(inspector: Inspector, table: Table, column: dict[str, Any]) -> None:
    """Keep the expression of a computed column when its table is created again.

    SQLAlchemy does not find it after a type with a comma, such as NUMERIC(10, 2).
    """
    if "computed" in column and isinstance(inspector.bind, Connection):
        query = text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
        sql = inspector.bind.scalar(query, {"name": table.name})
        found = expression_of(column["name"], sql or "") or column["computed"]["sqltext"]
        if not found:
            raise CommandError(
                f"The expression of the computed column {column['name']} is not found in: {sql}"
            )
        column["computed"]["sqltext"] = found


def expression_of(column: str, sql: str) -> str | None:
    """Return the text in the parentheses after AS in CREATE TABLE, or None."""
    kind = r"[\w ]+(\([^()]*\))?[^,()]*"  # and COLLATE and NOT NULL, which SQLAlchemy writes there
    begun = re.search(
        rf"\b{re.escape(column)}\b[\"`\]]?\s+{kind}\bGENERATED\s+ALWAYS\s+AS\s*\(",
        sql,
        re.IGNORECASE,
    )
    if begun is None:
        return None
    depth, quoted = 1, False
    for position in range(begun.end(), len(sql)):
        quoted ^= sql[position] == "'"
        depth += 0 if quoted else {"(": 1, ")": -1}.get(sql[position], 0)
        if depth == 0:
            return sql[begun.end() : position]
    return sql[begun.end() :]
