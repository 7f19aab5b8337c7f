"""What the tests must know of MySQL and MariaDB."""

from typing import Any

from app.settings import DEFAULT_URL

CURRENT_DATABASE = "SELECT database()"

# What every connection of the service answers; each server reads its own comment.
LIMITS = {
    "SELECT /*M! @@max_statement_time */ /*!80000 @@max_execution_time / 1000 */": 30,
    "SELECT @@character_set_client": "utf8mb4",
}

# Statements after which only COMMIT fails, after so many seconds: no constraint is deferred
# here, but the server closes a connection that idles for longer than it may.
FAIL_AT_COMMIT = ["SET SESSION /*M! idle_transaction_timeout = 1, */ wait_timeout = 1"]
PAUSE = 1.5

# Values that the table of items cannot hold.
UNFIT: dict[str, dict[str, Any]] = {
    "null": {"name": None},
    "check": {"quantity": -1},
    "length": {"name": "x" * 101},
    "range": {"quantity": 2**31},
}

UNREACHABLE = DEFAULT_URL.set(host="127.0.0.1", port=9, password="hunter2")
