"""What the tests must know of MySQL and MariaDB."""

from collections.abc import Callable
from typing import Any

from app.database.engine import begin
from app.settings.url import DEFAULT_URL

CURRENT_DATABASE = "SELECT database()"
SLEEP = "SELECT SLEEP({})"

# What every connection of the service answers; each server reads its own comment.
LIMITS = {
    "SELECT /*M! @@max_statement_time */ /*!80000 @@max_execution_time / 1000 */": 30,
    "SELECT @@innodb_lock_wait_timeout": 30,
    "SELECT @@character_set_client": "utf8mb4",
}

# What those of migrations answer too: the time zone.
ZONE = {"SELECT @@time_zone": "+00:00"}

# Statements after which only COMMIT fails, after so many seconds: no constraint is deferred
# here, but the server closes a connection that idles for longer than it may.
FAIL_AT_COMMIT = ["SET SESSION /*M! idle_transaction_timeout = 1, */ wait_timeout = 1"]
PAUSE = 1.5

# Statements after which COMMIT takes half a second.
SLOW_COMMIT: list[str] = []
# What keeps every COMMIT waiting, and what ends that.
BLOCK_COMMITS = ["FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES"]

# Values that the table of products cannot hold.
UNFIT: dict[str, dict[str, Any]] = {
    "null": {"name": None},
    "check": {"quantity": -1},
    "length": {"name": "x" * 101},
    "range": {"quantity": 2**31},
}

# What the log says of a name that is there already.
DUPLICATE = "1062"

UNREACHABLE = DEFAULT_URL.set(host="127.0.0.1", port=9, password="hunter2")

# What keeps a service out, in a place of the URL each.
REFUSED: dict[str, dict[str, Any]] = {
    "user": {"username": "nobody_at_all"},
    "password": {"password": "not its own"},
    "database": {"database": "nowhere_at_all"},
    "command": {"query": {"init_command": "SELECT nothing"}},
}

# What a URL may say, and what each connection answers then.
SAID = {
    "init_command": "SET time_zone = '+09:00',"
    " /*M! max_statement_time = 70 */ /*!80000 max_execution_time = 70000 */"
}
ANSWERS = {
    "SELECT @@time_zone": "+09:00",
    # The URL wins over the settings.
    "SELECT /*M! @@max_statement_time */ /*!80000 @@max_execution_time / 1000 */": 70,
}

# A change of a type, and what makes a connection refuse to write, as a replica does.
CHANGE_TYPE = "ALTER TABLE test_measures MODIFY amount {}"
TYPES = ("bigint", "decimal(20)")
DEMOTE = "SET SESSION TRANSACTION READ ONLY"

# How NaN is answered where it is to be stored: no column can hold it.
NAN = 422

# Values that come back otherwise than given, and 422 for one that is refused.
OTHERWISE: dict[str, Any] = {"infinity": 422, "a very long interval": 422}
if DEFAULT_URL.get_backend_name() == "mysql":  # MariaDB keeps the text
    OTHERWISE["the order of JSON"] = {"a": 3, "last": 1, "first": 2}
    OTHERWISE["a large integer in JSON"] = {"large": float(2**70)}

# The digits that a Numeric may have here.
DIGITS = 65

# Whether a table may be in a schema, which lies beside others in one database.
SCHEMAS = False

# What an ordinary test does not do, because its transaction could not be rolled back: DDL commits.
COMMITTING = (
    "BEGIN|START TRANSACTION|COMMIT|ROLLBACK(?! TO)|SET autocommit"
    "|(CREATE|DROP)(?! TEMPORARY)|ALTER|RENAME|TRUNCATE|GRANT|REVOKE|ANALYZE|OPTIMIZE|(UN)?LOCK"
)
# In an ordinary test: listeners to the begin of a transaction that do not fit a savepoint, options
# that differ, how a savepoint that only reads begins, and how a write is refused where the database
# cannot do so.
BEGINNING: list[Callable[..., None]] = [begin]
IN_SAVEPOINTS: dict[str, Any] = {}
BEGIN_READ_ONLY: list[str] = []
REFUSED_WRITE: tuple[Any, ...] = (1792, "Cannot execute statement in a READ ONLY transaction.")

# Statements that such a test refuses.
SELF_COMMITTING = ["CREATE TABLE other (id INTEGER)", "TRUNCATE test_products"]
