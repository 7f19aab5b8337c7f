"""Makes autogenerate write revisions that can be downgraded and do not import the app."""

from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from typing import Any, Literal, TypeVar

import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import CreateTableOp, DropTableOp, MigrateOperation, ModifyTableOps
from alembic.util import CommandError
from sqlalchemy import Dialect, TypeDecorator
from sqlalchemy.types import TypeEngine

Operation = TypeVar("Operation", CreateTableOp, DropTableOp)

# Tables and types whose names begin with one of these are ignored: other software creates them.
IGNORED_PREFIXES: tuple[str, ...] = ()


def sql_type(kind: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    """Return the SQL type that a custom type has on this database."""
    if type(kind).__module__.startswith("sqlalchemy."):
        return kind
    if isinstance(kind, TypeDecorator):
        variant = kind.dialect_impl(dialect)
        plain = kind.load_dialect_impl(dialect) if isinstance(variant, TypeDecorator) else variant
        return sql_type(public_type(plain, dialect), dialect)
    return public_type(kind, dialect)


def public_type(kind: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    """Return the same type as a generic type or a type of the database, not of a driver."""
    classes = [it for it in type(kind).__mro__ if issubclass(it, TypeEngine) and it != TypeEngine]
    for cls in classes:
        if getattr(sa, cls.__name__, None) is cls:
            general = kind if cls is type(kind) else kind.adapt(cls)
            if general.compile(dialect=dialect) == kind.compile(dialect=dialect):
                return general
    for cls in classes:
        package = import_module(".".join(cls.__module__.split(".")[:3]))  # of the database
        if getattr(package, cls.__name__, None) is cls and package.__name__ != "sqlalchemy.sql":
            return kind if cls is type(kind) else kind.adapt(cls)
    return kind


def render_item(what: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Render the SQL type instead of a type of the app; leave everything else to Alembic."""
    if what != "type" or context.dialect is None:
        return False
    plain = sql_type(item, context.dialect)
    if type(plain).__module__.startswith("app."):
        name = f"{type(plain).__module__}.{type(plain).__qualname__}"
        raise CommandError(f"{name} has no SQL type for a revision: make it a TypeDecorator")
    return False if plain is item else render_type(plain, context)


def render_type(kind: TypeEngine[Any], context: AutogenContext) -> str:
    """Render an SQL type as Alembic does."""
    module = type(kind).__module__
    if module.startswith("sqlalchemy.dialects."):
        dialect = module.split(".")[2]
        context.imports.add(f"from sqlalchemy.dialects import {dialect}")
        own = context.migration_context.impl.render_type(kind, context)
        return own or f"{dialect}.{kind!r}"
    return f"sa.{kind!r}"


def include_name(name: str | None, what: str, _parents: Any) -> bool:
    """Ignore tables of other software, and check constraints that a server creates itself."""
    if what == "table":
        return not (name or "").startswith(IGNORED_PREFIXES)
    return what != "check_constraint" or (name or "").startswith("ck_")


def arrange(operations: list[MigrateOperation]) -> None:
    """Create tables first and drop them last, in the order of their foreign keys.

    Alembic drops tables in any order, and before it drops other tables' foreign keys to them.
    DROP TABLE drops the indexes too: some databases do not drop the index of a foreign key alone.
    """
    created = {key(it): it for it in operations if isinstance(it, CreateTableOp)}
    dropped = {key(it): it for it in operations if isinstance(it, DropTableOp)}
    changes = [
        it
        for it in operations
        if not isinstance(it, CreateTableOp | DropTableOp)
        and not (isinstance(it, ModifyTableOps) and key(it) in dropped)
    ]
    operations[:] = [*in_order(created), *changes, *reversed(in_order(dropped))]


def key(operation: CreateTableOp | DropTableOp | ModifyTableOps) -> str:
    """Return the table name of an operation, with its schema."""
    return ".".join(filter(None, [operation.schema, operation.table_name]))


def in_order(tables: dict[str, Operation]) -> list[Operation]:
    """Sort operations so that each table comes after the tables that it references."""
    graph: TopologicalSorter[str] = TopologicalSorter()
    for name in sorted(tables):
        keys = tables[name].to_table().foreign_keys
        referred = {it.target_fullname.rpartition(".")[0] for it in keys} - {name}
        graph.add(name, *sorted(referred & tables.keys()))
    try:
        return [tables[name] for name in graph.static_order()]
    except CycleError:  # to edit by hand: add one foreign key after both tables
        return list(tables.values())
