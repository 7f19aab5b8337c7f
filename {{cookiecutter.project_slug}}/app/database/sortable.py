"""Which columns a list can be sorted by, page after page."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, Field, NaiveDatetime
from sqlalchemy import (
    BigInteger,
    Enum,
    Index,
    Integer,
    SmallInteger,
    Table,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import InstrumentedAttribute

from app.database.types import UtcDateTime

Attribute = InstrumentedAttribute[Any]

SORTABLE = (bool, date, Decimal, int, str, UUID)  # a datetime is a date
BITS = {SmallInteger: 15, BigInteger: 63, Integer: 31}


def unique_keys(table: Table) -> list[UniqueConstraint | Index]:
    """Return the unique constraints and the unique indexes of a table."""
    constraints = [it for it in table.constraints if isinstance(it, UniqueConstraint)]
    return [*constraints, *(it for it in table.indexes if it.unique)]


def check_unique(attributes: Sequence[Attribute]) -> None:
    """Refuse an order in which two rows may have the same position."""
    table = attributes[-1].expression.table
    # An index with a condition is unique among some rows only.
    unique = [it for it in unique_keys(table) if not any("where" in key for key in it.kwargs)]
    keys = [table.primary_key, *unique]
    names = {it.expression.name for it in attributes}
    if not any(key.columns and {it.name for it in key.columns} <= names for key in keys):
        raise TypeError(
            f"{attributes[-1]} is not unique: end with a unique column, such as the key"
        )


def type_of(attribute: Attribute) -> Any:
    """Return the type of a column's values in a cursor, or raise `TypeError`."""
    kind = attribute.type
    if attribute.expression.nullable:
        raise TypeError(f"{attribute} may be null: NULL has no position, so sort by another column")
    if isinstance(kind, UtcDateTime):
        return AwareDatetime
    # A server may sort an Enum by the number of a member, and compare it by its name.
    if isinstance(kind, TypeDecorator | Enum) or not issubclass(kind.python_type, SORTABLE):
        raise TypeError(f"{attribute} is {kind!r}, which no cursor can hold exactly")
    for integer, bits in BITS.items():
        if isinstance(kind, integer):
            return Annotated[int, Field(ge=-(2**bits), lt=2**bits)]
    return NaiveDatetime if kind.python_type is datetime else kind.python_type
