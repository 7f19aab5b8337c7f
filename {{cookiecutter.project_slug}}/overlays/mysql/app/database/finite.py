"""NaN and infinity, for which neither the drivers nor the servers have an error."""

import math
from decimal import Decimal
from typing import Any

from sqlalchemy import ExceptionContext
from sqlalchemy.exc import DataError, DBAPIError


def name_a_value_without_a_number(context: ExceptionContext) -> DBAPIError | None:
    """Say that NaN or infinity does not fit: neither the drivers nor the servers name them."""
    if context.is_disconnect or all_finite(context.parameters):
        return None
    return DataError(context.statement, None, context.original_exception)


def all_finite(values: Any) -> bool:
    """Tell whether there is neither NaN nor infinity among the parameters of a statement."""
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, list | tuple):
        return all(map(all_finite, values))
    if isinstance(values, Decimal):
        return values.is_finite()
    return not isinstance(values, float) or math.isfinite(values)
