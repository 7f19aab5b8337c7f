"""No relationship loads rows by accident."""

from collections.abc import Iterable

from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, Mapper, mapped_column, relationship

import app.main  # noqa: F401  # every mapping that the app knows
from app.models import Base


def loading_by_accident(mappers: Iterable[Mapper[object]]) -> list[str]:
    """Name the relationships that reading an attribute could load, one query for each row."""
    lazy = {"select", True, "dynamic"}
    return [str(path) for mapper in mappers for path in mapper.relationships if path.lazy in lazy]


def test_no_relationship_loads_by_accident() -> None:
    assert loading_by_accident(Base.registry.mappers) == []


def test_one_that_would_is_found() -> None:
    class Other(DeclarativeBase):
        pass

    class Parent(Other):
        __tablename__ = "parents"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Child(Other):
        __tablename__ = "children"
        id: Mapped[int] = mapped_column(ForeignKey("parents.id"), primary_key=True)
        parent: Mapped[Parent] = relationship()
        guarded: Mapped[Parent] = relationship(lazy="raise_on_sql", viewonly=True)

    assert loading_by_accident(Other.registry.mappers) == ["Child.parent"]
