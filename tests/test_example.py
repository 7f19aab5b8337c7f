"""The example can be deleted as the README of the project describes."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from combinations import DRIVERS, Combination
from conftest import WITHOUT_EXAMPLE, everyday, skip_unless_installable
from example import delete_example, drop_example, recipe
from processes import alembic, prepare, run

DatabaseURL = Callable[[Combination, str], str]
EXAMPLE = re.compile(r"\bitems\b|\bItem\b")


@pytest.mark.parametrize("tried", everyday(DRIVERS, "aiosqlite", "psycopg2"), ids=str)
def test_nothing_of_the_example_is_left(
    tried: Combination, projects: dict[Combination, Path], environment: Path, tmp_path: Path
) -> None:
    skip_unless_installable(tried)
    project = shutil.copytree(projects[tried], tmp_path / "my-api")
    before = {*project.rglob("*")}
    delete_example(project)
    run("sh", "-c", recipe(project)[1], cwd=project)
    gone = before - {*project.rglob("*")}
    assert all("items" in str(it.relative_to(project)) for it in gone), gone
    for file in ("app/**/*.py", "migrations/**/*.py", "pyproject.toml", "AGENTS.md"):
        for path in project.glob(file):
            text = re.sub(r"\.items\(|\bitems(:|=)", "", path.read_text())
            assert not EXAMPLE.search(text), path
    cache = environment.parent / "mypy_cache"
    run(environment / "ruff", "format", "--check", "--no-cache", cwd=project)
    run(environment / "ruff", "check", "--no-cache", cwd=project)
    run(environment / "mypy", "--cache-dir", cache, cwd=project)


@pytest.mark.parametrize("tried", everyday(DRIVERS, *WITHOUT_EXAMPLE), ids=str)
def test_a_project_without_the_example_passes_its_tests(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    project = shutil.copytree(projects[tried], tmp_path / "my-api")
    delete_example(project)
    run("sh", "-c", recipe(project)[1], cwd=project)
    url = database_url(tried, "my_api_without")
    run(environment / "python", "-m", "pytest", "-q", cwd=project, DATABASE_URL=url)


@pytest.mark.full  # the everyday run does this in `test_workshop.py`
@pytest.mark.parametrize("tried", DRIVERS, ids=str)
def test_the_example_can_be_deleted_from_a_database_that_has_it(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    project, url = tmp_path / "my-api", database_url(tried, "my_api_migrated_without")
    prepare(projects[tried], project, environment, url)
    delete_example(project)
    drop_example(project, environment, url)
    alembic(project, environment, url, "check", "downgrade -1", "upgrade head", "check")
    tests = ("tests/guarantees/test_migrations.py", "tests/guarantees/test_mappings.py")
    run(environment / "python", "-m", "pytest", "-q", *tests, cwd=project, DATABASE_URL=url)
