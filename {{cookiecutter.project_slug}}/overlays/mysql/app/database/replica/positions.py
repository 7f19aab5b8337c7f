"""Positions in the binary log of the primary (GTIDs), and how far the replica has applied it."""

import re
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from app.database.engine import error_code

NOT_PERMITTED = 1227

#% if cookiecutter.database == "mariadb"
FORMAT = re.compile(r"\d+-\d+-\d+(,\d+-\d+-\d+)*")

# The last transaction in the binary log, for each domain; `-` if there is no log.
POSITION = "SELECT IF(@@log_bin, @@gtid_binlog_pos, '-')"
REACHED = text("SELECT MASTER_GTID_WAIT(:position, 0) = 0")

BEHIND = "Seconds_Behind_Master"


#% else
FORMAT = re.compile(r"[0-9a-f-]{36}:[\w:-]+(,[0-9a-f-]{36}:[\w:-]+)*")

# All transactions that the primary has committed; `-` if they have no GTIDs.
POSITION = "SELECT IF(@@log_bin AND @@gtid_mode = 'ON', @@GLOBAL.gtid_executed, '-')"
REACHED = text("SELECT GTID_SUBSET(:position, @@GLOBAL.gtid_executed)")

BEHIND = "Seconds_Behind_Source"


#% endif
def read_position(connection: Any) -> str | None:
    """Return the position of the primary with one round trip, on a driver's connection."""
    cursor = connection.cursor()
    cursor.execute(POSITION)
    (position,) = cursor.fetchone()
    cursor.close()
    return position.replace("\n", "") or None


class Lag:
    """Reads how far the replica is behind."""

    def read(self, connection: Connection) -> float | None:
        """Return how many seconds the replica is behind; none without the privilege to read it.

        Raises `LookupError` if replication has stopped.
        """
        try:
            row = connection.exec_driver_sql("SHOW REPLICA STATUS").mappings().first()
        except DBAPIError as error:
            if error_code(error.orig) == NOT_PERMITTED:
                return None
            raise
        if row is None:  # it is a primary now
            return 0.0
        if row[BEHIND] is None:
            raise LookupError("replication has stopped")
        return float(row[BEHIND])
