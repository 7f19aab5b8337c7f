"""What the tests need to know about PostgreSQL."""

from collections.abc import Callable
from typing import Any

from app.settings.url import DEFAULT_URL

CURRENT_DATABASE = "SELECT current_database()"
SLEEP = "SELECT pg_sleep({})"

# The settings of every connection of the service.
LIMITS = {"SHOW statement_timeout": "30s", "SHOW idle_in_transaction_session_timeout": "30s"}

# The time zone, which is the same on connections of migrations.
ZONE = {"SHOW timezone": "UTC"}

# Statements that make only COMMIT fail, after a pause in seconds.
FAIL_AT_COMMIT = [
    "CREATE TEMP TABLE twice (id int UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP",
    "INSERT INTO twice VALUES (1), (1)",
]
PAUSE = 0.0

# Statements that make COMMIT take half a second.
SLOW_COMMIT = [
    "CREATE TEMP TABLE slow (id int) ON COMMIT DROP",
    "CREATE FUNCTION pg_temp.wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END'",
    "CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.wait()",
    "INSERT INTO slow VALUES (1)",
]
# Statements that block and unblock every COMMIT.
BLOCK_COMMITS: list[str] = []

# Values that the table of products cannot hold.
INVALID_VALUES: dict[str, dict[str, Any]] = {
    "null": {"name": None},
    "check": {"quantity": -1},
    "length": {"name": "x" * 101},
    "range": {"quantity": 2**31},
}

# The error code that the log has for a duplicate name.
DUPLICATE = "23505 uq_test_products_name"

UNREACHABLE = DEFAULT_URL.set(host="127.0.0.1", port=9, password="hunter2")

# Parts of the URL that make a login fail.
REFUSED: dict[str, dict[str, Any]] = {
    "role": {"username": "nobody_at_all"},
    "database": {"database": "nowhere_at_all"},
    "setting": {"query": {"options": "-c nothing.at.all"}},
}

# Options in a URL, and the settings that each connection has then.
SAID = {"options": "-c timezone=Asia/Tokyo -c statement_timeout=70s", "application_name": "a b"}
ANSWERS = {
    "SHOW timezone": "Asia/Tokyo",
    "SHOW statement_timeout": "70s",  # the URL overrides the settings
    "SHOW idle_in_transaction_session_timeout": "30s",
    "SHOW application_name": "a b",
}

# A type change, and a statement that makes a connection read-only, as on a standby.
CHANGE_TYPE = "ALTER TABLE test_measures ALTER COLUMN amount TYPE {}"
TYPES = ("bigint", "numeric(20)")
DEMOTE = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"

# The status code for storing NaN: 200, because a column can hold it.
NAN = 200

# Values that are read back differently; 422 for one that is refused.
OTHERWISE: dict[str, Any] = {}

# The highest precision of a Numeric.
DIGITS = 1000

# Whether one database can have several schemas.
SCHEMAS = True

# Statements that an ordinary test refuses: they would end its transaction.
COMMITTING = "BEGIN|START TRANSACTION|COMMIT|END|ABORT|ROLLBACK(?! TO)|PREPARE TRANSACTION"
# For an ordinary test: listeners for `begin` that do not work with a savepoint, options that
# differ, statements that begin a read-only savepoint, and the error for a write in it where the
# database raises none.
BEGINNING: list[Callable[..., None]] = []
IN_SAVEPOINTS: dict[str, Any] = {}
BEGIN_READ_ONLY = ["SET TRANSACTION READ ONLY"]
REFUSED_WRITE: tuple[Any, ...] = ()

# Statements that commit implicitly, which an ordinary test refuses.
SELF_COMMITTING: list[str] = []
