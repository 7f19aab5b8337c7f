"""Send all paid orders: `uv run python -m app.commands.send_orders`."""

import logging

from app.commands import run
from app.database import Database
from app.orders import service

logger = logging.getLogger("app.commands.send_orders")  # `__name__` is `__main__` here


def send_orders(db: Database) -> None:
    """Send them in one transaction."""
    with db.unit() as session:
        sent = service.send_orders(session)
    logger.info("%d orders were sent", sent)


if __name__ == "__main__":
    run(send_orders)
