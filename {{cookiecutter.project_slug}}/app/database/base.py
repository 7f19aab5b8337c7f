"""The base class of all models, and a mixin for timestamps."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import MetaData, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Mapper, mapped_column

from app.database.dialect import NOW
from app.database.types import TYPES, UtcDateTime, in_utc


class Base(DeclarativeBase):
    """Names every constraint, so that migrations can refer to it; maps Python types by `TYPES`."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = TYPES


@event.listens_for(Base, "after_mapper_constructed", propagate=True)
def configure_mapper(mapper: Mapper[Any], mapped_class: type[Any]) -> None:
    """Give an object the same values after a flush as a query would.

    The flush fetches columns that the server fills: loading them later would need a query.
    `__mapper_args__` of `Base` cannot set this: those of a model would replace it.
    """
    if mapper.eager_defaults == "auto":
        mapper.eager_defaults = True
    for key, column in mapper.columns.items():
        if isinstance(column.type, UtcDateTime):
            event.listen(getattr(mapped_class, key), "set", in_utc, retval=True)


def utc_now() -> datetime:
    """Return the current time in UTC, as `UtcDateTime` expects it."""
    return datetime.now(UTC)


class Timestamped:
    """When a row was created and last changed, by the clock of the service.

    Rows that are stored without SQLAlchemy get the time of the database server. Statements without
    SQLAlchemy, and upserts, must set `updated_at` themselves when they change a row.
    """

    created_at: Mapped[datetime] = mapped_column(default=utc_now, server_default=NOW, sort_order=1)
    updated_at: Mapped[datetime] = mapped_column(
        default=utc_now, onupdate=utc_now, server_default=NOW, sort_order=1
    )
