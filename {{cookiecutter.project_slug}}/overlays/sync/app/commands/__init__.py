"""Commands that run beside the service: `uv run python -m app.commands.count_rows`.

Each is a module of its own. `run` gives it what the service has: the settings, the logs, all models,
and a database.
"""

import logging
import sys
from collections.abc import Callable

from app import logs
from app.database import Database, connected
from app.settings import Settings
from app.tables import metadata

__all__ = ["metadata", "run"]

logger = logging.getLogger(__name__)


def run(command: Callable[[Database], None]) -> None:
    """Run a command in this process; an error is logged, and the exit code is 1."""
    settings = Settings()
    logs.configure(settings)
    try:
        with connected(settings) as db:
            command(db)
    except Exception:
        logger.exception("The command failed")
        sys.exit(1)
