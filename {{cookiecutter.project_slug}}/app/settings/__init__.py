"""Settings, read from the environment or from `.env`."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import URL

from app.settings.url import DEFAULT_URL, parse_url


def split_commas(value: str | list[str]) -> list[str]:
    """Split a comma-separated string."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


#% if cookiecutter.database != "sqlite"
def parse_optional_url(value: URL | str | None) -> URL | None:
    """Parse a URL that may be missing."""
    return None if value is None else parse_url(value)


#% endif
#% if cookiecutter.database in ("mysql", "mariadb")
def refuse_pooler(value: str | None) -> None:
    """Reject a mode: this database needs no setting for a proxy."""
    if value is not None:
        raise ValueError(f"{value} is for a pooler of another database: leave it out")


#% endif
CommaSeparated = Annotated[list[str], NoDecode, BeforeValidator(split_commas)]


class Settings(BaseSettings):
    """The settings of one deployment."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_parse_none_str="none",
        extra="ignore",
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
    )

    environment: Literal["development", "production"] = "development"
    database_url: Annotated[URL, NoDecode, BeforeValidator(parse_url)] = DEFAULT_URL
    #% if cookiecutter.database == "postgresql"
    database_pooler: Literal["transaction"] | None = Field(
        default=None, description="The mode of a pooler at DATABASE_URL, such as PgBouncer"
    )
    #% elif cookiecutter.database != "sqlite"
    database_pooler: Annotated[None, BeforeValidator(refuse_pooler)] = None
    #% endif
    #% if cookiecutter.database != "sqlite"
    migration_database_url: Annotated[URL | None, NoDecode, BeforeValidator(parse_optional_url)] = (
        Field(default=None, description="The address for migrations; none: DATABASE_URL")
    )
    #% endif
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
    #% if cookiecutter.database == "sqlite"
    database_busy_timeout: int = Field(default=30, ge=1, description="Seconds to wait for a writer")
    #% else
    database_pool_recycle: int = Field(
        default=1800, ge=1, description="Seconds after which a connection is replaced"
    )
    #% endif
    database_max_waiting: int = Field(default=100, ge=0, description="Requests that may be queued")
    #% if cookiecutter.database != "sqlite"
    #% if cookiecutter.database == "mysql"
    database_statement_timeout: int = Field(
        default=30,
        ge=1,
        le=2_147_483,
        description="Seconds that a SELECT may run or a write may wait for a row",
    )
    #% else
    database_statement_timeout: int = Field(
        default=30,
        ge=1,
        le=2_147_483,
        description="Seconds a statement may run or a transaction may be idle",
    )
    #% endif
    #% endif
    database_echo: bool = Field(default=False, description="Log every statement")
    request_timeout: float | None = Field(
        default=None, gt=0, description="Seconds a request may take before it gets 503"
    )
    max_body_size: int = Field(default=2**20, ge=0, description="Maximum bytes of a request body")
    allowed_hosts: CommaSeparated = Field(
        default=["*"], min_length=1, description="Host names, * for all"
    )
    cors_origins: CommaSeparated = Field(
        default=[], description="Origins whose pages may call this service"
    )
    docs: bool = Field(default=True, description="Serve /docs, /redoc and /openapi.json")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

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
        if self.database_pool_size + self.database_max_overflow < 5:
            raise ValueError(
                f"DATABASE_POOL_SIZE={self.database_pool_size} and"
                f" DATABASE_MAX_OVERFLOW={self.database_max_overflow} are too few connections:"
                " together at least 5. SessionDep, ReaderDep, db.unit(), db.reading() and the"
                " readiness probe need one each"
            )
        if self.writer_connections < 1:
            raise ValueError(
                f"DATABASE_READER_CONNECTIONS={self.database_reader_connections} leaves no connection for"
                f" requests that write: all requests together have {self.request_connections}"
            )
        return self

    #% if cookiecutter.database == "postgresql"
    @model_validator(mode="after")
    def refuse_options_behind_a_pooler(self) -> Self:
        """Reject a parameter of the session: a pooler would not pass it on."""
        if self.database_pooler is not None and "options" in self.database_url.query:
            raise ValueError(
                f"DATABASE_POOLER={self.database_pooler} does not allow `options` in DATABASE_URL:"
                " the pooler rejects them, so use ALTER ROLE"
            )
        return self

    #% endif
    @model_validator(mode="after")
    def refuse_development_settings(self) -> Self:
        """Reject settings that are unsafe in production."""
        if self.environment == "production" and self.database_echo:
            raise ValueError(
                "DATABASE_ECHO=true logs every statement with its values:"
                " do not set it in production"
            )
        #% if cookiecutter.database != "sqlite"
        if self.environment == "production" and self.database_url.password == DEFAULT_URL.password:
            raise ValueError(
                "DATABASE_URL has the development password: use another password in production"
            )
        #% endif
        return self
