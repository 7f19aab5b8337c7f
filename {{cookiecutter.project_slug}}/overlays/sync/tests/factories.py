"""Random rows, for tests and for `uv run poe seed`: `store(session, Order, 25)`.

The factories of a domain are in `tests/<domain>/factories.py`, and found by that name. A model
without one gets random values in the columns that need one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from polyfactory import Use
from polyfactory.factories.base import BaseFactory
from polyfactory.factories.pydantic_factory import ModelFactory
from polyfactory.factories.sqlalchemy_factory import SQLAlchemyFactory
from polyfactory.field_meta import FieldMeta
from pydantic import AwareDatetime, BaseModel
from sqlalchemy import Column, Table, inspect
from sqlalchemy.orm import DeclarativeBase

from app.database import WriteSession
from app.database.sortable import unique_keys

B = TypeVar("B", bound=BaseModel)
M = TypeVar("M", bound=DeclarativeBase)

TESTS = Path(__file__).parent
FACTORIES: dict[type[DeclarativeBase], type["Factory[Any]"]] = {}


def random_time() -> datetime:
    """Return a time in UTC; Faker's own range ends now, so its values would change."""
    first, last = datetime(2000, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)
    return BaseFactory.__faker__.date_time_between(first, last, tzinfo=UTC)


BaseFactory.seed_random(1)  # the same values in every run
BaseFactory.add_provider(datetime, random_time)
BaseFactory.add_provider(AwareDatetime, random_time)
BaseFactory.add_provider(date, lambda: random_time().date())


class Factory(ModelFactory[B]):
    """Builds what a client sends to create a row; a subclass names the model in `__stores__`."""

    __is_base_factory__ = True
    __allow_none_optionals__ = False
    __stores__: ClassVar[type[DeclarativeBase]]

    def __init_subclass__(cls, *args: Any, **kwargs: Any) -> None:
        """Register the factory of a model."""
        super().__init_subclass__(*args, **kwargs)
        if "__stores__" in vars(cls):
            FACTORIES[cls.__stores__] = cls

    @classmethod
    def get_constrained_field_value(
        cls, annotation: Any, field_meta: FieldMeta, *args: Any, **kwargs: Any
    ) -> Any:
        """Make texts of words: polyfactory makes some that are empty after they are stripped."""
        constraints: dict[str, Any] = {**(field_meta.constraints or {})}
        if annotation is str and [*constraints] == ["max_length"]:
            return cls.__faker__.sentence(nb_words=3)[: constraints["max_length"]].strip(" .")
        return super().get_constrained_field_value(annotation, field_meta, *args, **kwargs)

    @classmethod
    def row(cls, **values: Any) -> DeclarativeBase:
        """Build a row; `values` may also be of columns that a client does not send."""
        sent = {name: it for name, it in values.items() if name in cls.__model__.model_fields}
        return cls.__stores__(**(cls.build(**sent).model_dump() | values))


class RowFactory(SQLAlchemyFactory[M]):
    """Builds rows of a model that has no factory, with values only where a row needs them."""

    __is_base_factory__ = True
    __set_foreign_keys__ = False
    __set_relationships__ = False

    @classmethod
    def should_column_be_set(cls, column: Any) -> bool:
        """Leave out columns that may be null, and those that get a value otherwise."""
        filled = isinstance(column, Column) and (
            column.nullable
            or column.default
            or column.server_default
            or column is column.table.autoincrement_column
        )
        return super().should_column_be_set(column) and not filled

    @classmethod
    def get_constrained_field_value(
        cls, annotation: Any, field_meta: FieldMeta, *args: Any, **kwargs: Any
    ) -> Any:
        """Make long random texts: polyfactory makes some that are short, and they repeat."""
        if annotation is str:
            length = (field_meta.constraints or {}).get("max_length")
            return cls.__random__.randbytes(16).hex()[:length]
        return super().get_constrained_field_value(annotation, field_meta, *args, **kwargs)


def numbered(value: Callable[[int], Any]) -> Use[..., Any]:
    """Give each row a different value, made from the numbers 1, 2, 3, …"""
    numbers = count(1)
    return Use(lambda: value(next(numbers)))


def load_factories() -> None:
    """Import the factories of all domains."""
    for file in sorted(TESTS.glob("*/**/factories.py")):
        path = file.relative_to(TESTS).with_suffix("")
        import_module(".".join([TESTS.name, *path.parts]))


def builder_of(model: type[DeclarativeBase]) -> Callable[..., Any]:
    """Return a function that builds rows of a model; they have no key."""
    load_factories()
    if model in FACTORIES:
        return FACTORIES[model].row
    return RowFactory.create_factory(model).build


@dataclass(frozen=True, slots=True)
class Reference:
    """An attribute with the key of another row."""

    name: str
    target: type[DeclarativeBase]
    key: str  # the attribute of the target
    required: bool
    unique: bool


def is_unique(column: Column[Any]) -> bool:
    """Whether the column is, perhaps with others, in a key, or in a unique constraint or index."""
    table = column.table
    keys = [table.primary_key, *unique_keys(table)]
    return any(key.columns.contains_column(column) for key in keys)


def references_of(model: type[DeclarativeBase]) -> list[Reference]:
    """Return the references of a model to others."""
    mapper = inspect(model)
    table = mapper.local_table
    assert isinstance(table, Table)
    targets = {it.local_table: it for it in mapper.registry.mappers}
    return [
        Reference(
            mapper.get_property_by_column(column).key,
            targets[key.column.table].class_,
            targets[key.column.table].get_property_by_column(key.column).key,
            not column.nullable,
            is_unique(column),
        )
        for column in table.columns
        for key in column.foreign_keys
    ]


def store(session: WriteSession, model: type[M], size: int = 1, **values: Any) -> list[M]:
    """Store rows with these values, and flush; nothing is committed.

    Where a row must refer to another one, each gets a new one.
    """
    build = builder_of(model)
    made: list[dict[str, Any]] = [dict(values) for _ in range(size)]
    for it in references_of(model):
        if it.required and it.name not in values:
            others = store(session, it.target, size)
            for row, other in zip(made, others, strict=True):
                row[it.name] = getattr(other, it.key)
    rows = [build(**row) for row in made]
    session.add_all(rows)
    session.flush()
    return rows
