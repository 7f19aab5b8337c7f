"""Sessions whose transaction ends where it was begun, not where it is used."""

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn

import anyio
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session, SessionTransaction


class ManagedTransactionError(InvalidRequestError):
    """A transaction was ended, or was to be ended, where it is used."""


class ManagedSession(Session):
    """Refuses `commit` and `rollback`, before anything is sent; savepoints are free."""

    def commit(self) -> NoReturn:
        """Raise `ManagedTransactionError`."""
        raise ManagedTransactionError(
            "This transaction is committed at its end, before the response is sent: flush() where"
            " you need a key or a constraint error now."
        )

    def rollback(self) -> NoReturn:
        """Raise `ManagedTransactionError`."""
        raise ManagedTransactionError(
            "This transaction is rolled back at its end by any exception: raise one, or use"
            " begin_nested() where only a part is to be undone."
        )


def end(session: Session, transaction: SessionTransaction, error: BaseException | None) -> None:
    """Commit, or roll back after an error, and give the connection back.

    Raises `ManagedTransactionError` if something else has ended the transaction.
    """
    try:
        if error is None:
            if session.get_transaction() is not transaction:
                raise ManagedTransactionError(
                    "This transaction was ended where it is used: only its begin_nested() may be."
                )
            try:
                transaction.commit()
            except BaseException:
                transaction.rollback()  # close() would leave it open: the pool resets no failed one
                raise
    finally:
        session.close()  # rolls back what was not committed


async def finish(work: Coroutine[Any, Any, object]) -> None:
    """Wait for the end of `work` even when this task is cancelled, and let it be cancelled then.

    A COMMIT that was cut off might be stored after the request that it belongs to has ended.
    """
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:  # by the task itself: no scope shields from it
                cancelled = error
    if cancelled is None:
        task.result()
    elif task.cancelled() or task.exception() is None:
        raise cancelled
    else:
        raise cancelled from task.exception()
