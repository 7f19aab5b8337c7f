"""What the tests must know of PostgreSQL."""

from typing import Any

from app.settings import DEFAULT_URL

CURRENT_DATABASE = "SELECT current_database()"

# What every connection of the service answers.
LIMITS = {"SHOW statement_timeout": "30s", "SHOW idle_in_transaction_session_timeout": "30s"}

# Statements after which only COMMIT fails, after so many seconds.
FAIL_AT_COMMIT = [
    "CREATE TEMP TABLE twice (id int UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP",
    "INSERT INTO twice VALUES (1), (1)",
]
PAUSE = 0.0

# Values that the table of items cannot hold.
UNFIT: dict[str, dict[str, Any]] = {
    "null": {"name": None},
    "check": {"quantity": -1},
    "length": {"name": "x" * 101},
    "range": {"quantity": 2**31},
}

UNREACHABLE = DEFAULT_URL.set(host="127.0.0.1", port=9, password="hunter2")
