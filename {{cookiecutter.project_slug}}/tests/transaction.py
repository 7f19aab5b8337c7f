"""The transaction of an ordinary test, which is rolled back at its end.

The engine gets only one connection, in an open transaction. A transaction of the code under test
is a savepoint in it. What one connection in one transaction cannot test is refused, with a
sentence that asks for the mark `commits`.
"""

import re
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, ExceptionContext, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, StaticPool

from app.database.dialect import transaction_options
from tests.dialect import BEGIN_READ_ONLY, BEGINNING, COMMITTING, IN_SAVEPOINTS, REFUSED_WRITE

READ_ONLY = transaction_options(None, read_only=True) | IN_SAVEPOINTS
ENDING = re.compile(rf"\s*({COMMITTING})\b", re.IGNORECASE)
WRITING = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)


class OneTransactionError(Exception):
    """An ordinary test does something that needs more than one transaction or connection."""

    def __init__(self, what: str) -> None:
        """Name what the test does, and the mark that it needs."""
        super().__init__(
            f"{what}, but an ordinary test is one transaction on one connection:"
            " mark this test with @pytest.mark.commits"
        )


class OneConnection(StaticPool):
    """The pool of an ordinary test: one connection, for one session at a time."""

    def __init__(self, creator: Callable[[], DBAPIConnection], **options: Any) -> None:
        """Hand out the connection that `creator` returns."""
        super().__init__(creator, **options)
        self.out = threading.Lock()

    def _do_get(self) -> ConnectionPoolEntry:
        if not self.out.acquire(blocking=False):
            raise OneTransactionError("A second session needs a connection while the first has one")
        try:
            return super()._do_get()
        except OneTransactionError:
            self.out.release()
            raise

    def _do_return_conn(self, record: Any) -> None:
        super()._do_return_conn(record)
        self.out.release()


class OneTransaction:
    """Keeps an engine within the transaction of one of its connections."""

    def __init__(self, connection: Connection) -> None:
        """Confine the engine of one test to this connection."""
        self.engine = engine = connection.engine
        self.connection: Any = connection.connection.dbapi_connection
        self.level = connection.get_isolation_level()
        self.given = self.lost = self.read_only = self.autocommit = False
        engine.update_execution_options(**IN_SAVEPOINTS)
        for listener in BEGINNING:
            event.remove(engine, "begin", listener)
        event.listen(engine, "begin", self.note_options)
        event.listen(engine, "before_cursor_execute", self.refuse, named=True)
        event.listen(engine, "handle_error", self.recover)
        event.listen(engine, "set_connection_execution_options", self.change_options)
        replaced = {
            "do_begin": self.do_begin,
            "do_commit": self.do_commit,
            "do_rollback": self.do_rollback,
            "set_isolation_level": self.set_isolation_level,
            "reset_isolation_level": lambda _connection: None,
            "set_readonly": lambda _connection, _value: None,  # see `do_begin`
        }
        functions = vars(engine.dialect)
        self.before = engine.pool, {name: functions.get(name) for name in replaced}
        functions.update(replaced)
        engine.pool = OneConnection(
            self.give_connection, reset_on_return=None, dialect=engine.dialect
        )
        event.listen(engine.pool, "invalidate", self.note_loss)

    def leave(self, connection: Connection) -> None:
        """Restore the engine, so that the transaction can be rolled back."""
        if self.lost:
            connection.invalidate()
        self.engine.pool, functions = self.before
        for name, function in functions.items():
            if function is None:
                delattr(self.engine.dialect, name)
            else:
                setattr(self.engine.dialect, name, function)

    def give_connection(self) -> DBAPIConnection:
        """Hand the connection to the pool, once."""
        if self.given:
            raise OneTransactionError("The connection was lost and is needed again")
        self.given = True
        connection: DBAPIConnection = self.connection
        return connection

    def note_loss(self, *_: Any) -> None:
        """Remember that the connection was lost, so there is nothing to roll back."""
        self.lost = True

    def execute(self, *statements: str) -> None:
        """Execute statements of this module."""
        cursor = self.connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()

    def note_options(self, connection: Connection) -> None:
        """Remember for the other methods which options the transaction has."""
        options = connection.get_execution_options()
        self.read_only = READ_ONLY.items() <= options.items()
        self.autocommit = "only_reads" in options

    def do_begin(self, _connection: PoolProxiedConnection) -> None:
        """Begin a savepoint in place of a transaction."""
        self.execute("SAVEPOINT of_a_test", *(BEGIN_READ_ONLY if self.read_only else ()))

    def do_commit(self, connection: PoolProxiedConnection) -> None:
        """Release the savepoint; roll back a read-only one, or the read-only mode would remain."""
        if self.read_only:
            self.do_rollback(connection)
        else:
            self.execute("RELEASE SAVEPOINT of_a_test")

    def do_rollback(self, _connection: PoolProxiedConnection) -> None:
        """Roll back to the savepoint."""
        self.execute("ROLLBACK TO SAVEPOINT of_a_test", "RELEASE SAVEPOINT of_a_test")

    def set_isolation_level(self, _connection: DBAPIConnection, level: str) -> None:
        """Leave the level unchanged: a reader writes nothing that AUTOCOMMIT could commit."""
        if level not in {"AUTOCOMMIT", self.level}:
            raise OneTransactionError(f"A transaction is to be {level}")

    def change_options(self, _connection: Connection, options: dict[str, Any]) -> None:
        """Replace options that would begin a transaction."""
        options.update({key: it for key, it in IN_SAVEPOINTS.items() if key in options})

    def refuse(self, statement: str, **_: Any) -> None:
        """Refuse statements that end the transaction, and writes where the database cannot."""
        if ENDING.match(statement):
            raise OneTransactionError(f"{statement[:40]!r} ends a transaction")
        if self.read_only and REFUSED_WRITE and WRITING.match(statement):
            dbapi: Any = self.engine.dialect.loaded_dbapi
            raise dbapi.OperationalError(*REFUSED_WRITE)

    def recover(self, context: ExceptionContext) -> None:
        """Let a reader continue after an error, as it can in AUTOCOMMIT."""
        if self.autocommit and not context.is_disconnect:
            self.execute("ROLLBACK TO SAVEPOINT of_a_test")
