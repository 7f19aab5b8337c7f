"""Errors for NaN and infinity: neither the drivers nor the servers have a specific one."""

import math
from decimal import Decimal
from typing import Any

from sqlalchemy import ExceptionContext
from sqlalchemy.exc import DataError, DBAPIError


def convert_nan_error(context: ExceptionContext) -> DBAPIError | None:
    """Raise `DataError` if a statement with NaN or infinity failed."""
    if context.is_disconnect or all_finite(context.parameters):
        return None
    return DataError(context.statement, None, context.original_exception)


def all_finite(values: Any) -> bool:
    """Return whether the parameters of a statement contain neither NaN nor infinity."""
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, list | tuple):
        return all(map(all_finite, values))
    if isinstance(values, Decimal):
        return values.is_finite()
    return not isinstance(values, float) or math.isfinite(values)
