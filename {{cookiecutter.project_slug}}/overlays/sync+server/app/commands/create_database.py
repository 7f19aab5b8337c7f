"""Create the database that `DATABASE_URL` names: `uv run poe create-db`."""

import sys
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from app.database.dialect import CREATE_DATABASE, MAINTENANCE_DATABASE
from app.database.migrations.run import reason
from app.settings import Settings


@contextmanager
def maintenance_connection(settings: Settings) -> Generator[Connection]:
    """Connect to a database that every server has, where each statement stands alone."""
    url = settings.database_url.set(database=MAINTENANCE_DATABASE)
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def exists(settings: Settings) -> bool:
    """Tell whether there is a connection to the database."""
    engine = create_engine(settings.database_url, poolclass=NullPool)
    try:
        with engine.connect():
            return True
    except DBAPIError:
        return False


def create_database(settings: Settings) -> bool:
    """Create the database unless it exists; tell whether that was necessary."""
    if exists(settings):
        return False
    with maintenance_connection(settings) as connection:
        name = connection.dialect.identifier_preparer.quote(settings.database_url.database or "")
        connection.execute(text(CREATE_DATABASE.format(name)))
    return True


def main() -> None:
    """Create the database and say so; where that fails, say why and exit with code 1."""
    settings = Settings()
    url = settings.database_url.set(query={})
    try:
        created = create_database(settings)
    except DBAPIError as error:
        sys.exit(
            f"Cannot create {url}: {reason(error)};"
            " check DATABASE_URL, whose user must be allowed to create databases"
        )
    sys.stdout.write(f"{url} {'was created' if created else 'exists already'}\n")


if __name__ == "__main__":
    main()
