"""Log the number of rows in each table: `uv run python -m app.commands.count_rows`."""

import logging

from sqlalchemy import func, select

from app.commands import metadata, run
from app.database import Database

logger = logging.getLogger("app.commands.count_rows")  # `__name__` is "__main__"


def count_rows(db: Database) -> None:
    """Count the rows in one transaction, with tables in the order of their foreign keys."""
    with db.unit(read_only=True) as session:
        for table in metadata.sorted_tables:
            count = session.scalar(select(func.count()).select_from(table))
            logger.info("%s has %d rows", table.fullname, count)


if __name__ == "__main__":
    run(count_rows)
