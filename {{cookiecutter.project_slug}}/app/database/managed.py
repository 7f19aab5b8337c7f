"""Sessions whose transaction ends where it was begun, not where it is used."""

from typing import NoReturn

from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session


class ManagedTransactionError(InvalidRequestError):
    """A transaction was to be ended where it is used."""


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
