"""What a client reads when a constraint rejects its values: a sentence and a field, nothing else."""

from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase

from app.database.engine import constraint_name
from app.database.sortable import unique_keys


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why values are rejected, and the field that holds them."""

    field: str
    sentence: str


class ConstraintError(Exception):
    """Values that a query has found to violate a constraint, before the database does."""

    def __init__(self, name: str) -> None:
        """Name the constraint; raises `KeyError` if it has no explanation."""
        super().__init__(name)
        self.explanation = EXPLANATIONS[name]


EXPLANATIONS: dict[str, Explanation] = {}


def explain(model: type[DeclarativeBase], name: str, *, field: str, sentence: str) -> None:
    """Explain a constraint or a unique index of a model: `explain(User, "uq_users_email", …)`.

    Raises `ValueError` if the model has none of this name.
    """
    table = model.metadata.tables[str(model.__table__)]
    unique = unique_keys(table)
    names = {str(it.name) for it in [*table.constraints, *unique]}
    if name not in names:
        raise ValueError(f"{table} has no constraint {name}: it has {', '.join(sorted(names))}")
    EXPLANATIONS[name] = Explanation(field, sentence)
    for it in unique:
        if it.name == name:  # some databases name the columns instead
            columns = ", ".join(f"{table.name}.{column.name}" for column in it.columns)
            EXPLANATIONS[columns] = EXPLANATIONS[name]


def explanation_of(error: SQLAlchemyError) -> Explanation | None:
    """Find the explanation of a constraint that has rejected values."""
    return EXPLANATIONS.get(constraint_name(getattr(error, "orig", None)) or "")
