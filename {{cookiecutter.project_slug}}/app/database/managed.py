"""Sessions whose transaction is ended only by the code that began it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn

import anyio
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session, SessionTransaction


class ManagedTransactionError(InvalidRequestError):
    """Code that did not begin a transaction ended it, or tried to."""


class ManagedSession(Session):
    """Raises on `commit` and `rollback` before anything is sent; savepoints are allowed."""

    def commit(self) -> NoReturn:
        """Raise `ManagedTransactionError`."""
        raise ManagedTransactionError(
            "commit() is not allowed here: the request or unit of work commits at its end."
            " Use flush() to get a key or a constraint error now."
        )

    def rollback(self) -> NoReturn:
        """Raise `ManagedTransactionError`."""
        raise ManagedTransactionError(
            "rollback() is not allowed here: raise an exception, which rolls back the request or"
            " unit of work. Use begin_nested() to undo only a part."
        )


def end(session: Session, transaction: SessionTransaction, error: BaseException | None) -> None:
    """Commit, or roll back after an error, and return the connection to the pool.

    Raises `ManagedTransactionError` if other code has ended the transaction.
    """
    try:
        if error is None:
            if session.get_transaction() is not transaction:
                raise ManagedTransactionError(
                    "Code that did not begin this transaction ended it:"
                    " it may only end savepoints of begin_nested()."
                )
            try:
                transaction.commit()
            except BaseException:
                # After a failed COMMIT, close() and the pool would leave the transaction open.
                transaction.rollback()
                raise
    finally:
        session.close()  # rolls back what was not committed


async def finish(work: Coroutine[Any, Any, object]) -> None:
    """Wait until `work` ends, even if this task is cancelled; raise the cancellation afterwards.

    A cancelled COMMIT could still take effect after its request has ended.
    """
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:  # by `task.cancel()`: the scope does not shield
                cancelled = error
    if cancelled is None:
        task.result()
    elif task.cancelled() or task.exception() is None:
        raise cancelled
    else:
        raise cancelled from task.exception()
