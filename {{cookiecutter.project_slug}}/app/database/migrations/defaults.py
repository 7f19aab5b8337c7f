"""Compares server defaults by value."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from alembic.ddl.impl import DefaultImpl
from sqlalchemy import Column


class ByValue(DefaultImpl):
    """Makes Alembic compare server defaults by value, not by how they are written."""

    def compare_server_default(
        self,
        inspector_column: Column[Any],
        metadata_column: Column[Any],
        rendered_metadata_default: str | None,
        rendered_inspector_default: str | None,
    ) -> bool:
        """Return whether the defaults differ; `ddl.py` adds the rules of the database."""
        wanted, present = rendered_metadata_default, rendered_inspector_default
        if same_default(wanted, present):
            return False
        compare: Any = super().compare_server_default
        return bool(compare(inspector_column, metadata_column, wanted, present))


def same_default(one: str | None, other: str | None) -> bool:
    """Return whether two server defaults have one value that is only written differently."""
    return one is not None and other is not None and value_of(one) == value_of(other)


def value_of(default: str) -> str | Decimal:
    """Return the value of a literal: `'0.00'::numeric`, `(0)` and `false` are all 0."""
    text = re.sub(r"^\((.*)\)$", r"\1", default, flags=re.DOTALL)
    if quoted := re.fullmatch(r"'(.*)'(::[^']+)?", text, re.DOTALL):
        text = quoted[1].replace("''", "'")
    else:
        text = re.sub(r"\b(current_timestamp|now)\b(\(\))?", "now", text, flags=re.IGNORECASE)
    try:
        return Decimal({"false": "0", "true": "1"}.get(text.lower(), text))
    except InvalidOperation:
        return text
