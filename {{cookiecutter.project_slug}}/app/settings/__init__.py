"""Settings, read from the environment or from `.env`."""

from typing import Annotated, Literal, Self

#% if cookiecutter.database == "sqlite"
from pydantic import BeforeValidator, Field, model_validator
#% else
from pydantic import AliasChoices, BeforeValidator, Field, model_validator
#% endif
from pydantic_settings import NoDecode, SettingsConfigDict
from sqlalchemy import URL

from app.settings.pools import PoolSettings
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


class Settings(PoolSettings):
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
    database_replica_url: Annotated[URL | None, NoDecode, BeforeValidator(parse_optional_url)] = (
        Field(default=None, description="The address of a replica, for readers")
    )
    # Most replicas have a write after a few milliseconds; a longer wait would be noticed.
    database_replica_patience: int = Field(
        default=100,
        ge=0,
        description="Milliseconds that a reader waits for the replica to have the client's last write",
    )
    database_processes: int = Field(
        default=1,
        ge=1,
        validation_alias=AliasChoices("DATABASE_PROCESSES", "WEB_CONCURRENCY"),
        description="Processes that share the server; by default WEB_CONCURRENCY, else 1",
    )
    #% if cookiecutter.driver != "mysqldb"
    # How the server's own views name the connections of this service.
    database_client_name: str = "{{ cookiecutter.project_slug }}"
    #% endif
    #% endif
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

    #% if cookiecutter.database != "sqlite"
    @property
    def addresses(self) -> dict[str, URL]:
        """The addresses that the service connects to, by the names of their settings."""
        urls = {"DATABASE_URL": self.database_url}
        if self.database_replica_url is not None:
            urls["DATABASE_REPLICA_URL"] = self.database_replica_url
        return urls

    #% if cookiecutter.driver != "mysqldb"
    def named(self, client: str) -> Self:
        """Return the settings of a command: its connections have a name of their own."""
        name = f"{self.database_client_name} {client}"
        return self.model_copy(update={"database_client_name": name})

    #% endif
    #% endif
    #% if cookiecutter.database == "postgresql"
    @model_validator(mode="after")
    def refuse_options_behind_a_pooler(self) -> Self:
        """Reject a parameter of the session: a pooler would not pass it on."""
        for name, url in self.addresses.items():
            if self.database_pooler is not None and "options" in url.query:
                raise ValueError(
                    f"DATABASE_POOLER={self.database_pooler} does not allow `options` in {name}:"
                    " the pooler rejects them, so use ALTER ROLE"
                )
        return self

    #% endif
    #% if cookiecutter.database != "sqlite"
    @model_validator(mode="after")
    def refuse_patience_without_replica(self) -> Self:
        """Reject a setting that would have no effect."""
        default = type(self).model_fields["database_replica_patience"].default
        if self.database_replica_url is None and self.database_replica_patience != default:
            raise ValueError(
                f"DATABASE_REPLICA_PATIENCE={self.database_replica_patience} has no effect:"
                " set DATABASE_REPLICA_URL too"
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
        urls = self.addresses
        if self.migration_database_url is not None:
            urls["MIGRATION_DATABASE_URL"] = self.migration_database_url
        for name, url in urls.items():
            if self.environment == "production" and url.password == DEFAULT_URL.password:
                raise ValueError(
                    f"{name} has the development password: use another password in production"
                )
        #% endif
        return self
