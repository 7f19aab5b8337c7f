"""Types of fields in requests that more than one domain uses."""

from typing import Annotated

from pydantic import StringConstraints

MAX_INTEGER = 2**31 - 1  # of a column `Mapped[int]`

# Not every database stores NUL characters in text, and each driver fails in its own way.
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\x00]*$")]


def refuse_null(value: object) -> object:
    """Reject null in an update: to leave a field unchanged, a client omits it."""
    if value is None:
        raise ValueError("may be omitted, but not null")
    return value
