"""Bulk inserts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import DeclarativeBase

from app.database.units import WriteSession


def store_rows(
    session: WriteSession, model: type[DeclarativeBase], rows: Sequence[dict[str, Any]]
) -> None:
    """Store rows of one table in the transaction of the session, all or none.

    The keys of a row are names of mapped attributes. Types and defaults of columns apply as
    with `session.add`; events, cascades and relationships do not. It is fastest if all
    rows have the same keys. Raises `DBAPIError` like any other statement.
    """
    if rows:
        session.execute(insert(model), rows)
