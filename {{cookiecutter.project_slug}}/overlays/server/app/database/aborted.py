"""Transactions that the server has aborted: their COMMIT would store nothing, without an error."""

from collections.abc import Callable

from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.exc import InvalidRequestError

ABORTED = "aborted"  # in the `info` of a connection


class AbortedTransactionError(InvalidRequestError):
    """A transaction is to be committed although a statement of it has failed."""


def refuse_to_commit_aborted(engine: Engine, aborts: Callable[[BaseException], bool]) -> None:
    """Raise at the COMMIT after an error that `aborts` a transaction, unless it was in a savepoint.

    A server may run that COMMIT as a ROLLBACK, or may have rolled back at the error and run later
    statements in another transaction.
    """

    def forget(connection: Connection, *_: object) -> None:
        if not connection.invalidated:
            connection.info.pop(ABORTED, None)

    def refuse(connection: Connection) -> None:
        if not connection.invalidated and connection.info.get(ABORTED):
            raise AbortedTransactionError(
                "A statement of this transaction has failed, so nothing of it can be committed:"
                " catch an expected error around begin_nested()."
            )

    @event.listens_for(engine, "handle_error")
    def note(context: ExceptionContext) -> None:
        connection = context.connection
        if connection is None or connection.invalidated or context.is_disconnect:
            return
        if aborts(context.original_exception):
            connection.info[ABORTED] = True

    for name in ("begin", "rollback", "rollback_savepoint"):
        event.listen(engine, name, forget)
    event.listen(engine, "commit", refuse)
