"""How many connections a process has, and what each of them is for."""

from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings

FEWEST = 5  # connections of a process: one for each kind of work, see the properties


class PoolSettings(BaseSettings):
    """The sizes of the pools; `Settings` inherits from it."""

    database_pool_size: int = Field(default=10, ge=1, description="Connections for requests")
    database_reader_connections: int | None = Field(
        default=None, ge=1, description="Connections for ReaderDep; none: half of the pool size"
    )
    database_max_overflow: int = Field(
        default=5, ge=0, description="Connections for units of work and readiness, at least 3"
    )
    database_pool_timeout: int = Field(
        default=5, ge=1, description="Seconds to wait for a pooled or a new connection"
    )

    @property
    def short_connections(self) -> int:
        """Connections that are held only for a short time; one more is for readiness."""
        total = self.database_pool_size + self.database_max_overflow
        return min(max(3, self.database_max_overflow), total - 2) - 1

    @property
    def reading_connections(self) -> int:
        """Connections of `db.reading()`."""
        return self.short_connections // 2

    @property
    def unit_connections(self) -> int:
        """Connections of units of work: `db.unit()`, `db.run` and background tasks."""
        return self.short_connections - self.reading_connections

    @property
    def request_connections(self) -> int:
        """Connections of sessions that requests keep open: the rest."""
        return self.database_pool_size + self.database_max_overflow - self.short_connections - 1

    @property
    def reader_connections(self) -> int:
        """Connections of `ReaderDep`."""
        return self.database_reader_connections or self.request_connections // 2

    @property
    def writer_connections(self) -> int:
        """Connections of `SessionDep`."""
        return self.request_connections - self.reader_connections

    @model_validator(mode="after")
    def refuse_too_few_connections(self) -> Self:
        """Reject a pool that leaves no connection for some requests."""
        if self.database_pool_size + self.database_max_overflow < FEWEST:
            raise ValueError(
                f"DATABASE_POOL_SIZE={self.database_pool_size} and"
                f" DATABASE_MAX_OVERFLOW={self.database_max_overflow} are too few connections:"
                f" together at least {FEWEST}. SessionDep, ReaderDep, db.unit(), db.reading() and the"
                " readiness probe need one each"
            )
        if self.writer_connections < 1:
            raise ValueError(
                f"DATABASE_READER_CONNECTIONS={self.database_reader_connections} leaves no connection for"
                f" requests that write: all requests together have {self.request_connections}"
            )
        return self
