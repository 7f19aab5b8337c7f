"""Column types that behave the same on every database, where SQLAlchemy's own differ."""

from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Column, Dialect, TypeDecorator, event
from sqlalchemy.exc import ArgumentError

from app.database.dialect import BYTES, DURATION, TIME, UTC_DATETIME

T = TypeVar("T")

MICROSECOND = timedelta(microseconds=1)


class ColumnType(TypeDecorator[T]):
    """A type that keeps its column, to name it in errors."""

    column: Column[Any] | str = "A parameter"


@event.listens_for(ColumnType, "after_parent_attach", propagate=True)
def keep_column(kind: ColumnType[Any], column: Column[Any]) -> None:
    """Keep the column itself: its name is set later."""
    kind.column = column


class UtcDateTime(ColumnType[datetime]):
    """Takes a datetime with a time zone; stores and returns it in UTC with microseconds."""

    impl = UTC_DATETIME
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if not isinstance(value, datetime) or value.utcoffset() is None:
            raise ArgumentError(
                f"{self.column} takes a datetime with a time zone, such as datetime.now(UTC)"
            )
        value = value.astimezone(UTC)
        return value if UTC_DATETIME.timezone else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def in_utc(_target: object, value: Any, _old: object, _initiator: object) -> Any:
    """Convert an attribute to UTC when it is set; the column rejects invalid values later."""
    try:
        aware = isinstance(value, datetime) and value.utcoffset() is not None
        return value.astimezone(UTC) if aware else value
    except OverflowError:
        return value


class NaiveTime(ColumnType[time]):
    """A time of day with microseconds; no time zone, because not every database stores one."""

    impl = TIME
    cache_ok = True

    def process_bind_param(self, value: time | None, dialect: Dialect) -> time | None:
        if value is not None and value.tzinfo is not None:
            raise ArgumentError(f"{self.column} takes a time without a time zone")
        return value


class Duration(TypeDecorator[timedelta]):
    """A timedelta: an interval if the database has that type, else a number of microseconds."""

    impl = DURATION
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> Any:
        if value is None or not isinstance(DURATION, BigInteger):
            return value
        number = value // MICROSECOND
        if not -(2**63) <= number < 2**63:
            raise OverflowError(f"{value} is too long for a BIGINT of microseconds")
        return number

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if value is None or not isinstance(DURATION, BigInteger):
            return value
        return timedelta(microseconds=int(value))  # a sum may be a Decimal


TYPES = {datetime: UtcDateTime, time: NaiveTime, timedelta: Duration, bytes: BYTES}
