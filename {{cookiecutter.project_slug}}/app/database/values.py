"""Values that a driver refuses before it sends them, by an error of Python's own."""

from sqlalchemy import Engine, ExceptionContext, event
from sqlalchemy.exc import DataError

# A number of too many bits; a text with half of a surrogate pair.
UNFIT_ERRORS = (OverflowError, UnicodeEncodeError)


def name_unfit_values(engine: Engine) -> None:
    """Raise `DataError` instead, as for a value that the server refuses."""

    @event.listens_for(engine, "handle_error")
    def name(context: ExceptionContext) -> DataError | None:
        error = context.original_exception
        if not isinstance(error, UNFIT_ERRORS):
            return None
        return DataError(context.statement, None, error)
