"""What the tests must know of PostgreSQL."""

from collections.abc import Callable
from typing import Any

from app.settings.url import DEFAULT_URL

CURRENT_DATABASE = "SELECT current_database()"
SLEEP = "SELECT pg_sleep({})"

# What every connection of the service answers.
LIMITS = {"SHOW statement_timeout": "30s", "SHOW idle_in_transaction_session_timeout": "30s"}

# What those of migrations answer too: the time zone.
ZONE = {"SHOW timezone": "UTC"}

# Statements after which only COMMIT fails, after so many seconds.
FAIL_AT_COMMIT = [
    "CREATE TEMP TABLE twice (id int UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP",
    "INSERT INTO twice VALUES (1), (1)",
]
PAUSE = 0.0

# Statements after which COMMIT takes half a second.
SLOW_COMMIT = [
    "CREATE TEMP TABLE slow (id int) ON COMMIT DROP",
    "CREATE FUNCTION pg_temp.wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END'",
    "CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.wait()",
    "INSERT INTO slow VALUES (1)",
]
# What keeps every COMMIT waiting, and what ends that.
BLOCK_COMMITS: list[str] = []

# Values that the table of products cannot hold.
UNFIT: dict[str, dict[str, Any]] = {
    "null": {"name": None},
    "check": {"quantity": -1},
    "length": {"name": "x" * 101},
    "range": {"quantity": 2**31},
}

# What the log says of a name that is there already.
DUPLICATE = "23505 uq_test_products_name"

UNREACHABLE = DEFAULT_URL.set(host="127.0.0.1", port=9, password="hunter2")

# What keeps a service out, in a place of the URL each.
REFUSED: dict[str, dict[str, Any]] = {
    "role": {"username": "nobody_at_all"},
    "database": {"database": "nowhere_at_all"},
    "setting": {"query": {"options": "-c nothing.at.all"}},
}

# What a URL may say, and what each connection answers then.
SAID = {"options": "-c timezone=Asia/Tokyo -c statement_timeout=70s", "application_name": "a b"}
ANSWERS = {
    "SHOW timezone": "Asia/Tokyo",
    "SHOW statement_timeout": "70s",  # the URL wins over the settings
    "SHOW idle_in_transaction_session_timeout": "30s",
    "SHOW application_name": "a b",
}

# A change of a type, and what makes a connection refuse to write, as a standby does.
CHANGE_TYPE = "ALTER TABLE test_measures ALTER COLUMN amount TYPE {}"
TYPES = ("bigint", "numeric(20)")
DEMOTE = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"

# How NaN is answered where it is to be stored: as 200 where a column can hold it.
NAN = 200

# Values that come back otherwise than given, and 422 for one that is refused.
OTHERWISE: dict[str, Any] = {}

# The digits that a Numeric may have here.
DIGITS = 1000

# Whether a table may be in a schema, which lies beside others in one database.
SCHEMAS = True

# What an ordinary test does not do, because its transaction could not be rolled back.
COMMITTING = "BEGIN|START TRANSACTION|COMMIT|END|ABORT|ROLLBACK(?! TO)|PREPARE TRANSACTION"
# In an ordinary test: listeners to the begin of a transaction that do not fit a savepoint, options
# that differ, how a savepoint that only reads begins, and how a write is refused where the database
# cannot do so.
BEGINNING: list[Callable[..., None]] = []
IN_SAVEPOINTS: dict[str, Any] = {}
BEGIN_READ_ONLY = ["SET TRANSACTION READ ONLY"]
REFUSED_WRITE: tuple[Any, ...] = ()

# Statements that such a test refuses.
SELF_COMMITTING: list[str] = []
