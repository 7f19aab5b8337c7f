"""Log how many rows each table has: `uv run python -m app.commands.count_rows`."""

import logging

from sqlalchemy import func, select

from app.commands import metadata, run
from app.database import Database

logger = logging.getLogger("app.commands.count_rows")  # it runs as __main__


async def count_rows(db: Database) -> None:
    """Count in one transaction, in the order of the tables' foreign keys."""
    async with db.unit(read_only=True) as session:
        for table in metadata.sorted_tables:
            count = await session.scalar(select(func.count()).select_from(table))
            logger.info("%s has %d rows", table.fullname, count)


if __name__ == "__main__":
    run(count_rows)
