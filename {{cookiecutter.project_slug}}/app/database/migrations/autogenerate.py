"""How autogenerate writes revisions that lead up, down and up again, and never import the app."""

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


def sql_type(kind: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    """Give the SQL type behind a type that is not SQLAlchemy's own, on this database."""
    if type(kind).__module__.startswith("sqlalchemy."):
        return kind
    if isinstance(kind, TypeDecorator):
        variant = kind.dialect_impl(dialect)
        plain = kind.load_dialect_impl(dialect) if isinstance(variant, TypeDecorator) else variant
        return sql_type(public(plain, dialect), dialect)
    return public(kind, dialect)


def public(kind: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    """Give the same type in the general form, or in that of the database, not of a driver."""
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
    """Write the SQL type in place of a type of the app; leave everything else to Alembic."""
    if what != "type" or context.dialect is None:
        return False
    plain = sql_type(item, context.dialect)
    if type(plain).__module__.startswith("app."):
        name = f"{type(plain).__module__}.{type(plain).__qualname__}"
        raise CommandError(f"{name} has no SQL type for a revision: make it a TypeDecorator")
    return False if plain is item else written(plain, context)


def written(kind: TypeEngine[Any], context: AutogenContext) -> str:
    """Write a SQL type as Alembic does."""
    module = type(kind).__module__
    if module.startswith("sqlalchemy.dialects."):
        dialect = module.split(".")[2]
        context.imports.add(f"from sqlalchemy.dialects import {dialect}")
        own = context.migration_context.impl.render_type(kind, context)
        return own or f"{dialect}.{kind!r}"
    return f"sa.{kind!r}"


def include_name(name: str | None, what: str, _parents: Any) -> bool:
    """Leave alone the checks that no model has named: a server makes some of its own."""
    return what != "check_constraint" or (name or "").startswith("ck_")


def arrange(operations: list[MigrateOperation]) -> None:
    """Create tables first and drop them last, each in the order of their foreign keys.

    Alembic drops them in any order, and before what other tables have of foreign keys to them. A
    table takes its indexes along: that of a foreign key could not be dropped before it everywhere.
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
    """Give the name of the table of an operation, with its schema."""
    return ".".join(filter(None, [operation.schema, operation.table_name]))


def in_order(tables: dict[str, Operation]) -> list[Operation]:
    """Sort operations so that each comes after those whose tables its table refers to."""
    graph: TopologicalSorter[str] = TopologicalSorter()
    for name in sorted(tables):
        keys = tables[name].to_table().foreign_keys
        referred = {it.target_fullname.rpartition(".")[0] for it in keys} - {name}
        graph.add(name, *sorted(referred & tables.keys()))
    try:
        return [tables[name] for name in graph.static_order()]
    except CycleError:  # which needs a hand: a foreign key is made after both tables
        return list(tables.values())
