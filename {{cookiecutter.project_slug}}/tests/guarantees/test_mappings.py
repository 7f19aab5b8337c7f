"""No attribute is lazy loaded by accident, and no column changes its values."""

from collections.abc import Iterable

import pytest
from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Float,
    ForeignKey,
    Integer,
    Interval,
    MetaData,
    Numeric,
    Table,
    Time,
    TypeDecorator,
)
from sqlalchemy.orm import (
    ColumnProperty,
    DeclarativeBase,
    Mapped,
    Mapper,
    RelationshipProperty,
    mapped_column,
    relationship,
)
from sqlalchemy.types import TypeEngine

from app import tables
from app.database import Base
from app.database.types import Duration, NaiveTime, UtcDateTime
from app.settings import Settings
from tests.dialect import DIGITS


def lazy_loaded(mappers: Iterable[Mapper[object]]) -> list[str]:
    """Return attributes that are lazy loaded, with one query per row."""
    lazy = {"select", True, "dynamic"}
    return [
        str(it)
        for mapper in mappers
        for it in (*mapper.relationships, *mapper.column_attrs)
        if (it.lazy in lazy if isinstance(it, RelationshipProperty) else is_lazy(it))
    ]


def is_lazy(column: ColumnProperty[object]) -> bool:
    """Tell whether a column is deferred, and loaded when its attribute is read."""
    return column.deferred and not column.raiseload


def changing_values(tables: Iterable[Table]) -> list[str]:
    """Return columns whose values would depend on the database, see `app/database/types.py`."""
    return [str(it) for table in tables for it in table.columns if changes_values(it.type)]


def changes_values(kind: TypeEngine[object]) -> bool:
    """Tell whether a type loses a time zone, microseconds or digits on some database."""
    if isinstance(kind, UtcDateTime | NaiveTime | Duration):
        return False
    if isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    if isinstance(kind, Numeric):
        return kind.scale is None or kind.precision is None or kind.precision > DIGITS
    if isinstance(kind, Float):
        return not isinstance(kind, Double)
    return isinstance(kind, DateTime | Time | Interval)


def too_long(tables: Iterable[Table], limit: int) -> list[str]:
    """Return check constraints whose names a server would shorten.

    Alembic compares them by their full names: `alembic check` would never pass.
    """
    constraints = [it for table in tables for it in table.constraints]
    names = [str(it.name) for it in constraints if isinstance(it, CheckConstraint)]
    return [name for name in names if len(name) > limit]


def test_no_attribute_is_lazy_loaded() -> None:
    assert lazy_loaded(Base.registry.mappers) == []


def test_no_column_changes_its_values() -> None:
    assert changing_values(tables.metadata.sorted_tables) == []


def test_no_name_of_a_check_constraint_is_too_long() -> None:
    dialect = Settings().database_url.get_dialect()
    limit = dialect.max_constraint_name_length or dialect.max_identifier_length
    assert too_long(tables.metadata.sorted_tables, limit) == []


def test_a_name_that_is_too_long_is_detected() -> None:
    checks = [CheckConstraint("value > 0", name=name) for name in ("short", "long" * 20)]
    table = Table("others", MetaData(), Column("value", Integer), *checks)
    assert too_long([table], 63) == ["long" * 20]


def test_a_lazy_loaded_attribute_is_detected() -> None:
    class Other(DeclarativeBase):
        pass

    class Parent(Other):
        __tablename__ = "parents"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Child(Other):
        __tablename__ = "children"
        id: Mapped[int] = mapped_column(ForeignKey("parents.id"), primary_key=True)
        parent: Mapped[Parent] = relationship()
        guarded: Mapped[Parent] = relationship(lazy="raise_on_sql", viewonly=True)
        photo: Mapped[bytes] = mapped_column(deferred=True)
        kept: Mapped[bytes] = mapped_column(deferred=True, deferred_raiseload=True)

    assert lazy_loaded(Other.registry.mappers) == ["Child.parent", "Child.photo"]


class Wrapped(TypeDecorator[object]):
    """A custom type of the project."""

    impl = DateTime(timezone=True)
    cache_ok = True


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        (DateTime(timezone=True), True),
        (Wrapped(), True),
        (UtcDateTime(), False),
        (Time(), True),
        (NaiveTime(), False),
        (Interval(), True),
        (Duration(), False),
        (Float(), True),
        (Double(), False),
        (Numeric(), True),
        (Numeric(DIGITS + 1, 2), True),
        (Numeric(DIGITS, 2), False),
    ],
    ids=repr,
)
def test_a_column_that_changes_its_values_is_detected(
    kind: TypeEngine[object], *, named: bool
) -> None:
    table = Table("others", MetaData(), Column("value", kind))
    assert changing_values([table]) == ["others.value"] * named
