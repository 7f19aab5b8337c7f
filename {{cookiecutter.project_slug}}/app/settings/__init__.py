"""Settings, read from the environment or from `.env`."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import URL

from app.settings.url import DEFAULT_URL, parse_url


def split(value: str | list[str]) -> list[str]:
    """Split what is separated by commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Words = Annotated[list[str], NoDecode, BeforeValidator(split)]


class Settings(BaseSettings):
    """What may differ from one deployment to the next."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_parse_none_str="none",
        extra="ignore",
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
    )

    environment: Literal["development", "production"] = "development"
    database_url: Annotated[URL, NoDecode, BeforeValidator(parse_url)] = DEFAULT_URL
    database_pool_size: int = Field(default=10, ge=1, description="Connections for requests")
    database_reader_places: int | None = Field(
        default=None, ge=1, description="How many of them are for requests that only read, or half"
    )
    database_max_overflow: int = Field(
        default=5, ge=0, description="Connections for other work, at least 3"
    )
    database_pool_timeout: int = Field(default=5, ge=1, description="Seconds to connect or to wait")
    #% if cookiecutter.database == "sqlite"
    database_busy_timeout: int = Field(default=30, ge=1, description="Seconds to wait for a writer")
    #% else
    database_pool_recycle: int = Field(default=1800, ge=1, description="Seconds a connection lives")
    #% endif
    database_max_waiting: int = Field(default=100, ge=0, description="Requests that may be queued")
    #% if cookiecutter.database != "sqlite"
    #% if cookiecutter.database == "mysql"
    database_statement_timeout: int = Field(
        default=30, ge=1, description="Seconds that a SELECT may run, or a write wait for a row"
    )
    #% else
    database_statement_timeout: int = Field(
        default=30, ge=1, description="Seconds that a statement may run or a transaction be idle"
    )
    #% endif
    #% endif
    database_echo: bool = Field(default=False, description="Log every statement")
    request_timeout: float | None = Field(
        default=None, gt=0, description="Seconds a request may take before it is answered 503"
    )
    max_body_size: int = Field(default=2**20, ge=0, description="Bytes of a request's body")
    allowed_hosts: Words = Field(default=["*"], description="Host names to answer to, * for all")
    cors_origins: Words = Field(default=[], description="Origins whose pages may call this service")
    docs: bool = Field(default=True, description="Serve /docs, /redoc and /openapi.json")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def unit_connections(self) -> int:
        """Connections of units of work: of those beside requests, readiness and readers have one each."""
        total = self.database_pool_size + self.database_max_overflow
        return min(max(3, self.database_max_overflow), total - 2) - 2

    @property
    def request_connections(self) -> int:
        """Connections of requests: all that are not kept for other work."""
        return self.database_pool_size + self.database_max_overflow - self.unit_connections - 2

    @property
    def reader_connections(self) -> int:
        """Connections of requests that only read."""
        return self.database_reader_places or self.request_connections // 2

    @property
    def writer_connections(self) -> int:
        """Connections of requests that may write."""
        return self.request_connections - self.reader_connections

    @model_validator(mode="after")
    def refuse_too_few_connections(self) -> Self:
        """Refuse a pool that leaves no connection to some requests."""
        if self.database_pool_size + self.database_max_overflow < 5:
            raise ValueError(
                f"DATABASE_POOL_SIZE={self.database_pool_size} and"
                f" DATABASE_MAX_OVERFLOW={self.database_max_overflow} are too few connections:"
                " a request that writes, one that reads, one connection beside each of them and the"
                " readiness probe need 5"
            )
        if self.writer_connections < 1:
            raise ValueError(
                f"DATABASE_READER_PLACES={self.database_reader_places} leaves no connection to"
                f" requests that write: requests have {self.request_connections}"
            )
        return self

    @model_validator(mode="after")
    def refuse_for_production(self) -> Self:
        """Refuse what helps while one develops and harms in production."""
        if self.environment == "production" and self.database_echo:
            raise ValueError(
                "DATABASE_ECHO=true logs every statement with its values:"
                " leave it out in production"
            )
        #% if cookiecutter.database != "sqlite"
        if self.environment == "production" and self.database_url.password == DEFAULT_URL.password:
            raise ValueError(
                "DATABASE_URL has the password of development:"
                " give the database of production one of its own"
            )
        #% endif
        return self
