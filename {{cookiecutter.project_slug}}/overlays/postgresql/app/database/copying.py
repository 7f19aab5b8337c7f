"""Prepares rows of a model for COPY: its columns, and the values as the driver expects them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

from sqlalchemy import Column, Connection, Table, bindparam, exc, inspect
from sqlalchemy.orm import DeclarativeBase, Mapper

# Raised by a driver for a value that its column cannot store.
VALUE_ERRORS = (TypeError, ValueError, OverflowError)

REQUIRED = {Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD}


class NeedsInsertError(Exception):
    """A column has a value that COPY cannot store."""


@dataclass(frozen=True, slots=True)
class Copy:
    """The statement, and a tuple of the values of its columns for each row."""

    statement: str
    table: Table
    columns: list[str]
    records: Iterable[tuple[Any, ...]]


def copy_of(
    connection: Connection, model: type[DeclarativeBase], rows: Sequence[dict[str, Any]]
) -> Copy | None:
    """Return the COPY of these rows, or None if only INSERT can store them.

    The types of the columns process the values, and missing columns get the defaults of the
    model, as in an INSERT. COPY takes no SQL expressions. So None is returned for a default or
    a type that is an SQL expression, a default function that takes the context, NULL in a column
    with a default, rows with different keys, mapped classes with inheritance, and tables whose
    schema is translated.
    """
    mapper = inspect(model)
    table = mapper.local_table
    keys = {attribute.columns[0]: attribute.key for attribute in mapper.column_attrs}
    if (
        mapper.polymorphic_on is not None
        or not isinstance(table, Table)
        or not keys.keys() >= {*table.columns}
        or not rows[0].keys() <= {keys[column] for column in table.columns}
        or any(row.keys() != rows[0].keys() for row in rows)
        or connection.get_execution_options().get("schema_translate_map")
    ):
        return None
    try:
        found = {
            column.name: values
            for column in table.columns
            if (values := values_of(connection, mapper, column, keys[column], rows)) is not None
        }
    except NeedsInsertError:
        return None
    prepare = connection.dialect.identifier_preparer
    names = ", ".join(map(prepare.quote, found))
    statement = f"COPY {prepare.format_table(table)} ({names}) FROM STDIN"
    return Copy(statement, table, list(found), zip(*found.values(), strict=True))


def values_of(
    connection: Connection,
    mapper: Mapper[Any],
    column: Column[Any],
    key: str,
    rows: Sequence[dict[str, Any]],
) -> list[Any] | None:
    """Return the values of a column as the driver expects them, or None if the server fills it."""
    kind = column.type.dialect_impl(connection.dialect)
    if key in rows[0]:
        values = [row[key] for row in rows]
        has_default = column.default is not None or column.server_default is not None
        if has_default and not kind.should_evaluate_none and None in values:
            raise NeedsInsertError
    elif make := default_of(mapper, column):
        values = [make() for _ in rows]
    else:
        return None
    if kind.bind_expression(bindparam(None, type_=kind)) is not None:
        raise NeedsInsertError
    process = kind.bind_processor(connection.dialect)
    try:
        return values if process is None else [process(value) for value in values]
    except Exception as error:  # as in an INSERT
        raise exc.StatementError(str(error), f"COPY {mapper.local_table}", None, error) from error


def default_of(mapper: Mapper[Any], column: Column[Any]) -> Callable[[], Any] | None:
    """Return the function that makes the Python-side default of a missing column, if any."""
    if column is mapper.version_id_col and mapper.version_id_generator:
        generate = mapper.version_id_generator
        return lambda: generate(None)
    default: Any = column.default
    if default is None:
        return None
    if default.is_scalar:
        return lambda: default.arg
    if default.is_callable and not takes_context(default.arg):
        return lambda: default.arg(None)  # SQLAlchemy has wrapped it to ignore the context
    raise NeedsInsertError


def takes_context(function: Callable[..., Any]) -> bool:
    """Return whether a default function takes the context of its INSERT."""
    try:
        parameters = signature(function).parameters.values()
    except ValueError:  # a built-in, such as `dict`
        return False
    return any(it.kind in REQUIRED and it.default is it.empty for it in parameters)


def as_database_error(error: Exception, statement: str) -> exc.DBAPIError:
    """Wrap a driver error in SQLAlchemy's class of the same name.

    A Python exception becomes `DataError`: the column cannot store the value.
    """
    names = [base.__name__ for base in type(error).__mro__]
    usual = exc.DataError if isinstance(error, VALUE_ERRORS) else exc.DBAPIError
    kind = next((getattr(exc, name) for name in names if hasattr(exc, name)), usual)
    wrapped: exc.DBAPIError = kind(statement, None, error)
    return wrapped
