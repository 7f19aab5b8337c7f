"""An index with a condition is unique among some rows only."""

import pytest
from sqlalchemy import Index, String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.database import Ordering


class Own(DeclarativeBase):
    """Of a table that is not created."""


class SamplePartial(Own):
    __tablename__ = "test_partial"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))

    __table_args__ = (
        Index("uq_test_partial", "name", unique=True, postgresql_where=text("id > 0")),
    )


def test_an_index_with_a_condition_makes_no_column_unique() -> None:
    with pytest.raises(TypeError, match="name is not unique"):
        Ordering("refused", SamplePartial.name)
