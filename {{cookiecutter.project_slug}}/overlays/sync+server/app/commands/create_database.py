"""Create the database that `DATABASE_URL` names: `uv run poe create-db`."""

import sys
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from app.database.dialect import CREATE_DATABASE, MAINTENANCE_DATABASE, migration_url
from app.database.migrations.run import reason
from app.settings import Settings


@contextmanager
def maintenance_connection(settings: Settings) -> Generator[Connection]:
    """Connect in AUTOCOMMIT to a database that every server has."""
    url = migration_url(settings, "create-db").set(database=MAINTENANCE_DATABASE)
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def exists(settings: Settings) -> bool:
    """Return whether the database accepts a connection."""
    engine = create_engine(migration_url(settings, "create-db"), poolclass=NullPool)
    try:
        with engine.connect():
            return True
    except DBAPIError:
        return False


def create_database(settings: Settings) -> bool:
    """Create the database unless it exists; return whether it was created."""
    if exists(settings):
        return False
    with maintenance_connection(settings) as connection:
        name = connection.dialect.identifier_preparer.quote(migration_url(settings).database or "")
        connection.execute(text(CREATE_DATABASE.format(name)))
    return True


def main() -> None:
    """Create the database and print the result; on failure, print why and exit with code 1."""
    settings = Settings()
    try:
        url = migration_url(settings).set(query={})
    except ValueError as error:
        sys.exit(str(error))
    try:
        created = create_database(settings)
    except DBAPIError as error:
        sys.exit(
            f"Cannot create {url}: {reason(error)};"
            " check DATABASE_URL; its user must be allowed to create databases"
        )
    sys.stdout.write(f"{url} {'was created' if created else 'exists already'}\n")


if __name__ == "__main__":
    main()
