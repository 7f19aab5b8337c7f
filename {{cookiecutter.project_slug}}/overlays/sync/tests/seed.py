"""Fill the empty tables of the development database: `uv run poe seed`."""

import logging
import sys
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase

from app.commands import run
from app.database import Base, Database, WriteSession
from app.database.errors import describe
from tests.factories import FACTORIES, Factory, load_factories, references_of, store

ROWS = 50  # in each table

logger = logging.getLogger("tests.seed")  # `__name__` is "__main__"


def seed(db: Database) -> None:
    """Store random rows in one transaction; a table that has rows is left as it is."""
    load_factories()
    order: list[object] = [*Base.metadata.sorted_tables]
    models = sorted(FACTORIES, key=lambda model: order.index(model.__table__))
    empty = find_empty(db, models)
    stored = {}
    with db.unit() as session:
        for model in models:
            if model in empty:
                stored[model] = fill(session, model)
    for model in models:
        if model in stored:
            logger.info("%s: %d rows stored", model.__tablename__, stored[model])
        else:
            logger.info("%s has rows already", model.__tablename__)
    if not models:
        logger.info("There is nothing to fill: no table has a factory")


def find_empty(db: Database, models: Iterable[type[DeclarativeBase]]) -> set[type[DeclarativeBase]]:
    """Return the models without rows; exit if the database is not ready."""
    empty = set()
    try:
        with db.unit() as session:
            for model in models:
                # All columns: one that is missing is found here.
                found = session.scalars(select(model).limit(1))
                if found.first() is None:
                    empty.add(model)
    except DBAPIError as error:
        reason = " ".join(describe(error).split())
        sys.exit(f"Create the database and run `uv run alembic upgrade head` first: {reason}")
    return empty


def fill(session: WriteSession, model: type[DeclarativeBase]) -> int:
    """Store rows that refer to rows of the other tables; return how many.

    Where each must refer to another row, there are no more than those.
    """
    size = ROWS
    choices: dict[str, list[Any]] = {}
    for it in references_of(model):
        key = getattr(it.target, it.key)
        found = session.scalars(select(key).order_by(key).limit(ROWS))
        keys = list(found)
        if keys and it.unique:
            choices[it.name], size = keys, min(size, len(keys))
        elif keys:
            choices[it.name] = Factory.__random__.choices(keys, k=ROWS)
    for number in range(size):
        store(session, model, **{name: keys[number] for name, keys in choices.items()})
    return size


if __name__ == "__main__":
    run(seed)
