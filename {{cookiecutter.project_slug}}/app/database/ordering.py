"""Keyset pagination: a page starts after the position of a row, in any order of rows.

The cost of a page does not grow with its number. Inserted or deleted rows do not
make other rows appear twice or disappear.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from types import GenericAlias
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Select, and_, literal, or_
from sqlalchemy.orm import DeclarativeBase

from app.database.sortable import Attribute, check_unique, type_of


class CursorError(ValueError):
    """A cursor is not one of this list."""


@dataclass(frozen=True, slots=True)
class Descending:
    """A column that sorts from its largest value to its smallest."""

    attribute: Attribute


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows of a page, and the cursors of its neighbours; None if there is no such page."""

    rows: Sequence[Any]
    next_cursor: str | None
    previous_cursor: str | None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page starts: after the row with these values, or before it."""

    values: tuple[Any, ...]
    backwards: bool


class Ordering:
    """An order of rows: `Ordering("orders", Descending(Order.created_at), Order.id)`.

    It ends in a unique column. A cursor names its ordering, so one of another list is rejected.
    """

    def __init__(self, name: str, *columns: Attribute | Descending) -> None:
        """Raises `TypeError` for columns with which pages would lose or repeat rows."""
        self.name = name
        self.pairs = [
            (it.attribute, True) if isinstance(it, Descending) else (it, False) for it in columns
        ]
        attributes = [attribute for attribute, _ in self.pairs]
        check_unique(attributes)
        # The type of a tuple whose types are known at run time only.
        values: Any = GenericAlias(tuple, (str, bool, *map(type_of, attributes)))
        self.adapter = TypeAdapter[tuple[Any, ...]](values)

    def encode(self, row: Any, *, backwards: bool) -> str:
        """Encode the position of a row as an opaque string."""
        values = [getattr(row, attribute.key) for attribute, _ in self.pairs]
        return self.text_of((self.name, backwards, *values))

    def text_of(self, values: tuple[Any, ...]) -> str:
        """Encode the values of a position."""
        return urlsafe_b64encode(self.adapter.dump_json(values)).decode().rstrip("=")

    def decode(self, cursor: str) -> Position:
        """Decode a position, or raise `CursorError`."""
        try:
            text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            values = self.adapter.validate_json(text)
        except ValueError as error:
            raise CursorError("not a cursor of this list") from error
        if values[0] != self.name or self.text_of(values) != cursor:
            raise CursorError("not a cursor of this list")
        return Position(values[2:], values[1])

    def apply(self, query: Select[Any], position: Position | None, limit: int) -> Select[Any]:
        """Sort a query, and start it at a position."""
        backwards = position is not None and position.backwards
        if position is not None:
            query = query.where(beyond(self.pairs, position.values, backwards=backwards))
        order = [it.desc() if down != backwards else it.asc() for it, down in self.pairs]
        return query.order_by(*order).limit(limit)

    def cut(self, rows: Sequence[Any], position: Position | None, limit: int) -> Slice:
        """Cut the row beyond the limit, which shows that there is another page."""
        backwards = position is not None and position.backwards
        more, rows = len(rows) > limit, rows[:limit]
        if rows and len(rows[0]) == 1 and isinstance(rows[0][0], DeclarativeBase):
            rows = [row[0] for row in rows]  # `select(Order)`: the objects themselves
        if backwards:
            rows = rows[::-1]
        after = rows and (more or backwards)
        before = rows and (more if backwards else position is not None)
        return Slice(
            rows,
            self.encode(rows[-1], backwards=False) if after else None,
            self.encode(rows[0], backwards=True) if before else None,
        )


def beyond(
    pairs: Sequence[tuple[Attribute, bool]], values: Sequence[Any], *, backwards: bool
) -> ColumnElement[bool]:
    """Compare with a position as `a <= :a AND (a < :a OR (a = :a AND b < :b))`.

    A comparison of rows, `(a, b) < (:a, :b)`, is slow on some servers, and cannot mix directions.
    """
    (column, down), *rest = pairs
    value = literal(values[0], column.type)
    less = down != backwards
    strictly = column < value if less else column > value
    if not rest:
        return strictly
    equal = and_(column == value, beyond(rest, values[1:], backwards=backwards))
    return and_(column <= value if less else column >= value, or_(strictly, equal))
