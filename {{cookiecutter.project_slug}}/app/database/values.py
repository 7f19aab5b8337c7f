"""Values that a driver rejects with a Python exception before it sends them."""

from sqlalchemy import Engine, ExceptionContext, event
from sqlalchemy.exc import DataError

# An integer with too many bits; a string with half of a surrogate pair.
VALUE_ERRORS = (OverflowError, UnicodeEncodeError)


def convert_value_errors(engine: Engine) -> None:
    """Raise `DataError` instead, as for a value that the server rejects."""

    @event.listens_for(engine, "handle_error")
    def convert(context: ExceptionContext) -> DataError | None:
        error = context.original_exception
        if not isinstance(error, VALUE_ERRORS):
            return None
        return DataError(context.statement, None, error)
