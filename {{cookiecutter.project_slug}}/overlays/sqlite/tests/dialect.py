"""What the tests need to know about SQLite."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from app.settings.url import DEFAULT_URL

CURRENT_DATABASE = "SELECT file FROM pragma_database_list WHERE name = 'main'"

# The settings of every connection of the service.
LIMITS = {"PRAGMA foreign_keys": 1, "PRAGMA journal_mode": "wal", "PRAGMA busy_timeout": 30_000}

# The time zone, which is the same on connections of migrations.
ZONE = {"SELECT datetime('now') = CURRENT_TIMESTAMP": 1}  # SQLite has only UTC

# Statements that make only COMMIT fail, after a pause in seconds.
FAIL_AT_COMMIT = [
    "CREATE TABLE one (id INTEGER PRIMARY KEY)",
    "CREATE TABLE two (one_id INTEGER REFERENCES one DEFERRABLE INITIALLY DEFERRED)",
    "INSERT INTO two VALUES (1)",
]
PAUSE = 0.0

# Statements that make COMMIT take half a second.
SLOW_COMMIT: list[str] = []
# Statements that block and unblock every COMMIT: SQLite has none.
BLOCK_COMMITS: list[str] = []

# Values that the table of products cannot hold; SQLite checks neither length nor range.
INVALID_VALUES: dict[str, dict[str, Any]] = {"null": {"name": None}, "check": {"quantity": -1}}

# The error code that the log has for a duplicate name.
DUPLICATE = "SQLITE_CONSTRAINT_UNIQUE test_products.name"

UNREACHABLE = DEFAULT_URL.set(database="nowhere/at/all.db")

# A part of the URL that makes connecting fail: a file that is no database.
REFUSED: dict[str, dict[str, Any]] = {"file": {"database": __file__}}

# Options in a URL, and the settings that each connection has then.
SAID = {"timeout": "7"}
ANSWERS = {"PRAGMA busy_timeout": 7000}  # the URL overrides the settings

# A schema change, and a statement that makes a connection read-only, as with a read-only file.
CHANGE_TYPE = "ALTER TABLE test_measures ADD COLUMN {} integer"
TYPES = ("more", "most")
DEMOTE = "PRAGMA query_only = ON"

# The status code for storing NaN: it would become NULL.
NAN = 422

# Values that are read back differently; 422 for one that is refused.
OTHERWISE: dict[str, Any] = {
    "a very long interval": 422,
    "a decimal of 30 digits": Decimal("12345678901234567168.0000000000"),
    "a decimal with more places": Decimal("1.00"),
    "a decimal with more digits": Decimal("12345678901234.00"),
    "NaN in JSON": {"none": float("nan")},
}

# The highest precision of a Numeric.
DIGITS = 15  # SQLite would round more digits

# Whether one database can have several schemas.
SCHEMAS = False

# Statements that an ordinary test refuses: they would end its transaction.
COMMITTING = "COMMIT|END|ROLLBACK(?! TO)|VACUUM"
# For an ordinary test: listeners for `begin` that do not work with a savepoint, options that
# differ, statements that begin a read-only savepoint, and the error for a write in it where the
# database raises none.
BEGINNING: list[Callable[..., None]] = []
IN_SAVEPOINTS: dict[str, Any] = {"sqlite_begin": ""}
BEGIN_READ_ONLY: list[str] = []  # see `begin` in `app/database/engine.py`
REFUSED_WRITE: tuple[Any, ...] = ()

# Statements that commit implicitly, which an ordinary test refuses.
SELF_COMMITTING: list[str] = []
