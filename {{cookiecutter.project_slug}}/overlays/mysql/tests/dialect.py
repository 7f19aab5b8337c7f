"""What the tests need to know about MySQL and MariaDB."""

from collections.abc import Callable
from typing import Any

from app.database.engine import begin
from app.settings.url import DEFAULT_URL

CURRENT_DATABASE = "SELECT database()"
SLEEP = "SELECT SLEEP({})"

# The settings of every connection of the service; each server reads its own comment.
LIMITS = {
    "SELECT /*M! @@max_statement_time */ /*!80000 @@max_execution_time / 1000 */": 30,
    "SELECT @@innodb_lock_wait_timeout": 30,
    "SELECT @@character_set_client": "utf8mb4",
}

# The time zone, which is the same on connections of migrations.
ZONE = {"SELECT @@time_zone": "+00:00"}

# Statements that make only COMMIT fail, after a pause in seconds. There are no deferred
# constraints here, but the server closes a connection at its idle timeout.
FAIL_AT_COMMIT = ["SET SESSION /*M! idle_transaction_timeout = 1, */ wait_timeout = 1"]
PAUSE = 1.5

# Statements that make COMMIT take half a second.
SLOW_COMMIT: list[str] = []
# Statements that block and unblock every COMMIT.
BLOCK_COMMITS = ["FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES"]

# Values that the table of products cannot hold.
INVALID_VALUES: dict[str, dict[str, Any]] = {
    "null": {"name": None},
    "check": {"quantity": -1},
    "length": {"name": "x" * 101},
    "range": {"quantity": 2**31},
}

# The error code that the log has for a duplicate name.
DUPLICATE = "1062"

UNREACHABLE = DEFAULT_URL.set(host="127.0.0.1", port=9, password="hunter2")

# Parts of the URL that make a login fail.
REFUSED: dict[str, dict[str, Any]] = {
    "user": {"username": "nobody_at_all"},
    "password": {"password": "not its own"},
    "database": {"database": "nowhere_at_all"},
    "command": {"query": {"init_command": "SELECT nothing"}},
}

# Options in a URL, and the settings that each connection has then.
SAID = {
    "init_command": "SET time_zone = '+09:00',"
    " /*M! max_statement_time = 70 */ /*!80000 max_execution_time = 70000 */"
}
ANSWERS = {
    "SELECT @@time_zone": "+09:00",
    # The URL overrides the settings.
    "SELECT /*M! @@max_statement_time */ /*!80000 @@max_execution_time / 1000 */": 70,
}

# A type change, and a statement that makes a connection read-only, as on a replica.
CHANGE_TYPE = "ALTER TABLE test_measures MODIFY amount {}"
TYPES = ("bigint", "decimal(20)")
DEMOTE = "SET SESSION TRANSACTION READ ONLY"

# The status code for storing NaN: no column can hold it.
NAN = 422

# Values that are read back differently; 422 for one that is refused.
OTHERWISE: dict[str, Any] = {"infinity": 422, "a very long interval": 422}
if DEFAULT_URL.get_backend_name() == "mysql":  # MariaDB stores JSON as text
    OTHERWISE["the order of JSON"] = {"a": 3, "last": 1, "first": 2}
    OTHERWISE["a large integer in JSON"] = {"large": float(2**70)}

# The highest precision of a Numeric.
DIGITS = 65

# Whether one database can have several schemas.
SCHEMAS = False

# Statements that an ordinary test refuses: they would end its transaction, as DDL does here.
COMMITTING = (
    "BEGIN|START TRANSACTION|COMMIT|ROLLBACK(?! TO)|SET autocommit"
    "|(CREATE|DROP)(?! TEMPORARY)|ALTER|RENAME|TRUNCATE|GRANT|REVOKE|ANALYZE|OPTIMIZE|(UN)?LOCK"
)
# For an ordinary test: listeners for `begin` that do not work with a savepoint, options that
# differ, statements that begin a read-only savepoint, and the error for a write in it where the
# database raises none.
BEGINNING: list[Callable[..., None]] = [begin]
IN_SAVEPOINTS: dict[str, Any] = {}
BEGIN_READ_ONLY: list[str] = []
REFUSED_WRITE: tuple[Any, ...] = (1792, "Cannot execute statement in a READ ONLY transaction.")

# Statements that commit implicitly, which an ordinary test refuses.
SELF_COMMITTING = ["CREATE TABLE other (id INTEGER)", "TRUNCATE test_products"]
