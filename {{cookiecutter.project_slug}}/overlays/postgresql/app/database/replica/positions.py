"""Positions in the write-ahead log of the primary, and how far the replica has replayed it."""

import re
import time
from collections import deque
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

FORMAT = re.compile(r"[0-9A-F]{1,8}/[0-9A-F]{1,8}")

# Up to here the log is flushed, and with it the last commit, unless commits do not wait for that.
POSITION = """
    SELECT CAST(
        CASE current_setting('synchronous_commit')
            WHEN 'off' THEN pg_current_wal_insert_lsn()
            ELSE pg_current_wal_flush_lsn()
        END AS text
    )
"""

# A replica that was promoted has a log of its own. The inner cast gives the parameter a type.
REACHED = text("""
    SELECT CAST(CAST(:position AS text) AS pg_lsn) <= CASE
        WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
        ELSE pg_current_wal_flush_lsn()
    END
""")

# What was received and what was replayed, in bytes; whether the replica does not receive, and then
# the age of the last replayed commit: while it receives, that only says how long there was none.
PROGRESS = text("""
    SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0'),
        pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0'),
        pg_is_in_recovery() AND NOT EXISTS (SELECT FROM pg_stat_wal_receiver),
        extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
""")


def read_position(connection: Any) -> str:
    """Return the position of the primary with one round trip, on a driver's connection."""
    connection.autocommit = True
    try:
        cursor = connection.cursor()
        cursor.execute(POSITION)
        (position,) = cursor.fetchone()
        cursor.close()
    finally:
        connection.autocommit = False
    return str(position)


class Lag:
    """Measures for how long the replica has had changes that it has not replayed."""

    def __init__(self) -> None:
        """Remember what was received at each check."""
        self.received: deque[tuple[float, Decimal]] = deque(maxlen=1000)

    def read(self, connection: Connection) -> float:
        """Return how many seconds the replica is behind.

        Raises `LookupError` if it is not connected to the primary and has not replayed anything.
        """
        received, replayed, alone, age = connection.execute(PROGRESS).one()
        if alone and age is None:
            raise LookupError("it does not receive from the primary")
        if alone:
            return float(age)
        now = time.monotonic()
        if received is not None:
            self.received.append((now, received))
        while self.received and self.received[0][1] <= (replayed or 0):
            self.received.popleft()
        return now - self.received[0][0] if self.received else 0.0
