"""`uv run poe seed` fills what is empty, refuses what it should not fill, and works without a domain."""

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from combinations import USUAL, Combination
from conftest import everyday
from example import delete_example
from processes import alembic, create_database, execute, prepare, run

DatabaseURL = Callable[[Combination, str], str]
TRIED = everyday(USUAL, "aiosqlite", "psycopg", "mysql+asyncmy", "mariadb+pymysql")

# A package in a package, with a table that shares its key, one of pairs, and values with a time.
MODELS = """
from datetime import date, datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20), unique=True)
    born: Mapped[date]


class Portrait(Base):
    __tablename__ = "portraits"
    author_id: Mapped[int] = mapped_column(ForeignKey(Author.id), primary_key=True)
    drawn: Mapped[datetime]


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey(Author.id))


class Reading(Base):
    __tablename__ = "readings"
    author_id: Mapped[int] = mapped_column(ForeignKey(Author.id), primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey(Book.id), primary_key=True)
"""
FACTORIES = """
from datetime import date

from pydantic import AwareDatetime, BaseModel

from app.library.shelf.models import Author, Book, Portrait, Reading
from tests.factories import Factory, numbered


class AuthorCreate(BaseModel):
    name: str
    born: date


class PortraitCreate(BaseModel):
    drawn: AwareDatetime


class Nothing(BaseModel):
    pass


class AuthorFactory(Factory[AuthorCreate]):
    __stores__ = Author

    name = numbered(lambda number: f"Author {number}")


class PortraitFactory(Factory[PortraitCreate]):
    __stores__ = Portrait


class BookFactory(Factory[Nothing]):
    __stores__ = Book


class ReadingFactory(Factory[Nothing]):
    __stores__ = Reading
"""


def seed(project: Path, environment: Path, url: str, **settings: str) -> tuple[int, str]:
    """Run the command in a project; return its exit code and its output."""
    variables = {"DATABASE_URL": url} | settings
    done = run(environment / "python", "-m", "tests.seed", cwd=project, check=False, **variables)
    return done.returncode, done.stdout


def filled(said: str) -> dict[str, int]:
    """Return the tables that the command filled, and how many rows it stored."""
    return {name: int(rows) for name, rows in re.findall(r"(\w+): (\d+) rows stored", said)}


def with_library(project: Path, environment: Path, url: str) -> None:
    """Add those models and their factories, and upgrade the database."""
    for package in ("app/library", "app/library/shelf", "tests/library", "tests/library/shelf"):
        (project / package).mkdir()
        (project / package / "__init__.py").touch()
    (project / "app/library/shelf/models.py").write_text(MODELS)
    (project / "tests/library/shelf/factories.py").write_text(FACTORIES)
    alembic(project, environment, url, "revision --autogenerate -m library", "upgrade head")


@pytest.mark.parametrize("tried", TRIED, ids=str)
def test_what_is_not_ready_is_refused(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    project, url = tmp_path / "my-api", database_url(tried, "my_api_seed")
    shutil.copytree(projects[tried], project)

    def refused(*, url: str = url, **settings: str) -> str:
        code, said = seed(project, environment, url, **settings)
        assert (code, len(said.splitlines())) == (1, 1), said
        return said

    assert "alembic upgrade head" in refused(url=database_url(tried, "my_api_missing"))
    create_database(project, environment, url)
    assert "alembic upgrade head" in refused()
    alembic(project, environment, url, "upgrade head")
    assert "ENVIRONMENT is production" in refused(ENVIRONMENT="production")
    assert "(0,)" in execute(project, environment, url, "SELECT count(*) FROM items")
    execute(project, environment, url, "ALTER TABLE items RENAME COLUMN category TO old")
    assert "alembic upgrade head" in refused()


@pytest.mark.parametrize("tried", TRIED, ids=str)
def test_a_table_that_has_rows_is_left_as_it_is(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """Also where other rows must refer to its few rows."""
    project, url = tmp_path / "my-api", database_url(tried, "my_api_seed")
    prepare(projects[tried], project, environment, url)
    with_library(project, environment, url)
    mine = "INSERT INTO authors (name, born) VALUES ('{}', '2000-01-01')"
    execute(project, environment, url, *(mine.format(f"Author {it}") for it in (1, 2, 3)))
    code, said = seed(project, environment, url)
    assert (code, "authors has rows already" in said) == (0, True), said
    assert filled(said) == {"items": 50, "portraits": 3, "books": 50, "readings": 3}
    assert "(3,)" in execute(project, environment, url, "SELECT count(*) FROM authors")
    code, said = seed(project, environment, url)
    assert (code, filled(said), said.count("has rows already")) == (0, {}, 5)


@pytest.mark.parametrize("tried", [it for it in USUAL if it.database == "sqlite"], ids=str)
def test_the_rows_are_the_same_in_every_run(
    tried: Combination, projects: dict[Combination, Path], environment: Path, tmp_path: Path
) -> None:
    project, dumps = tmp_path / "my-api", []
    for number in (1, 2):
        path = tmp_path / f"{number}.db"
        url = f"sqlite+{tried.driver}:///{path}"
        if number == 1:
            prepare(projects[tried], project, environment, url)
            with_library(project, environment, url)
        alembic(project, environment, url, "upgrade head")
        code, said = seed(project, environment, url)
        assert (code, len(filled(said))) == (0, 5), said
        with closing(sqlite3.connect(path)) as connection:
            dumps.append([*connection.iterdump()])
    assert dumps[0] == dumps[1]


@pytest.mark.parametrize("tried", [it for it in USUAL if it.database == "sqlite"], ids=str)
def test_there_is_nothing_to_fill_without_a_domain(
    tried: Combination, projects: dict[Combination, Path], environment: Path, tmp_path: Path
) -> None:
    project, url = tmp_path / "my-api", f"sqlite+{tried.driver}:///{tmp_path}/my-api/my.db"
    shutil.copytree(projects[tried], project)
    delete_example(project)
    alembic(project, environment, url, "upgrade head")
    code, said = seed(project, environment, url)
    assert (code, "nothing to fill" in said) == (0, True), said
