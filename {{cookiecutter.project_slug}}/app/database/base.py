"""What every mapped class shares."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import MetaData, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Mapper, mapped_column

from app.database.dialect import NOW
from app.database.types import TYPES, UtcDateTime, in_utc


class Base(DeclarativeBase):
    """Names every constraint, so that a migration can find it again; has `TYPES` of its own."""

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
def show_what_is_stored(mapper: Mapper[Any], mapped_class: type[Any]) -> None:
    """Let an object have after a flush what a query would give.

    Columns that the server fills are read by the flush: an attribute cannot wait for a query.
    This is no `__mapper_args__` of `Base`, for those of a class would take its place.
    """
    if mapper.eager_defaults == "auto":
        mapper.eager_defaults = True
    for key, column in mapper.columns.items():
        if isinstance(column.type, UtcDateTime):
            event.listen(getattr(mapped_class, key), "set", in_utc, retval=True)


def utc_now() -> datetime:
    """Give the moment, as `UtcDateTime` takes it."""
    return datetime.now(UTC)


class Timestamped:
    """When a row was stored and last changed, by the clock of the service.

    Rows that are stored without SQLAlchemy get the time of the server. They, and upserts, have to
    set `updated_at` when they change a row.
    """

    created_at: Mapped[datetime] = mapped_column(default=utc_now, server_default=NOW, sort_order=1)
    updated_at: Mapped[datetime] = mapped_column(
        default=utc_now, onupdate=utc_now, server_default=NOW, sort_order=1
    )
