"""Send the orders that were paid: `uv run python -m app.commands.send_orders`."""

import logging

from app.commands import run
from app.database import Database
from app.orders import service

logger = logging.getLogger("app.commands.send_orders")  # it runs as __main__


async def send_orders(db: Database) -> None:
    """Send them in one transaction."""
    async with db.unit() as session:
        sent = await service.send_orders(session)
    logger.info("%d orders were sent", sent)


if __name__ == "__main__":
    run(send_orders)
