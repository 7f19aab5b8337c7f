"""What the tests must know of SQLite."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from app.settings.url import DEFAULT_URL

CURRENT_DATABASE = "SELECT file FROM pragma_database_list WHERE name = 'main'"

# What every connection of the service answers.
LIMITS = {"PRAGMA foreign_keys": 1, "PRAGMA journal_mode": "wal", "PRAGMA busy_timeout": 30_000}

# What those of migrations answer too: the time zone.
ZONE = {"SELECT datetime('now') = CURRENT_TIMESTAMP": 1}  # there is no other

# Statements after which only COMMIT fails, after so many seconds.
FAIL_AT_COMMIT = [
    "CREATE TABLE one (id INTEGER PRIMARY KEY)",
    "CREATE TABLE two (one_id INTEGER REFERENCES one DEFERRABLE INITIALLY DEFERRED)",
    "INSERT INTO two VALUES (1)",
]
PAUSE = 0.0

# Statements after which COMMIT takes half a second.
SLOW_COMMIT: list[str] = []
# What keeps every COMMIT waiting, and what ends that: nothing does here.
BLOCK_COMMITS: list[str] = []

# Values that the table of products cannot hold; SQLite minds neither length nor range.
UNFIT: dict[str, dict[str, Any]] = {"null": {"name": None}, "check": {"quantity": -1}}

# What the log says of a name that is there already.
DUPLICATE = "SQLITE_CONSTRAINT_UNIQUE test_products.name"

UNREACHABLE = DEFAULT_URL.set(database="nowhere/at/all.db")

# What keeps a service out: here a file that is no database.
REFUSED: dict[str, dict[str, Any]] = {"file": {"database": __file__}}

# What a URL may say, and what each connection answers then.
SAID = {"timeout": "7"}
ANSWERS = {"PRAGMA busy_timeout": 7000}  # the URL wins over the settings

# A change of the schema, and what makes a connection refuse to write, as a read-only file does.
CHANGE_TYPE = "ALTER TABLE test_measures ADD COLUMN {} integer"
TYPES = ("more", "most")
DEMOTE = "PRAGMA query_only = ON"

# How NaN is answered where it is to be stored: it would become NULL.
NAN = 422

# Values that come back otherwise than given, and 422 for one that is refused.
OTHERWISE: dict[str, Any] = {
    "a very long interval": 422,
    "a decimal of 30 digits": Decimal("12345678901234567168.0000000000"),
    "a decimal with more places": Decimal("1.00"),
    "a decimal with more digits": Decimal("12345678901234.00"),
    "NaN in JSON": {"none": float("nan")},
}

# The digits that a Numeric may have here.
DIGITS = 15  # more would be rounded

# Whether a table may be in a schema, which lies beside others in one database.
SCHEMAS = False

# What an ordinary test does not do, because its transaction could not be rolled back.
COMMITTING = "COMMIT|END|ROLLBACK(?! TO)|VACUUM"
# In an ordinary test: listeners to the begin of a transaction that do not fit a savepoint, options
# that differ, how a savepoint that only reads begins, and how a write is refused where the database
# cannot do so.
BEGINNING: list[Callable[..., None]] = []
IN_SAVEPOINTS: dict[str, Any] = {"sqlite_begin": ""}
BEGIN_READ_ONLY: list[str] = []  # see `begin` in `app/database/engine.py`
REFUSED_WRITE: tuple[Any, ...] = ()

# Statements that such a test refuses.
SELF_COMMITTING: list[str] = []
