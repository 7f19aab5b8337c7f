"""Every rendered project passes its own tests and migrations on a real server."""

import re
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from combinations import DRIVERS, USUAL, Combination
from conftest import PYTHONS, everyday, skip_unless_installable
from processes import UV, alembic, create_database, run

DatabaseURL = Callable[[Combination, str], str]
OTHER_PYTHONS = [it for it in PYTHONS if it != "{}.{}".format(*sys.version_info)]


def test_its_tests_pass(
    combination: Combination, project: Path, environment: Path, database_url: DatabaseURL
) -> None:
    url = database_url(combination, "my_api")
    run(environment / "python", "-m", "pytest", "-q", cwd=project, DATABASE_URL=url)


def test_its_migrations_lead_up_and_down(
    combination: Combination, project: Path, environment: Path, database_url: DatabaseURL
) -> None:
    url = database_url(combination, "my_api_migrations")
    create_database(project, environment, url)
    steps = [
        "upgrade head",
        "check",
        "downgrade base",
        "upgrade head",
        "check",
        "upgrade head --sql",
    ]
    done = alembic(project, environment, url, *steps)
    assert "CREATE TABLE items" in done.stdout


@pytest.mark.parametrize("tried", everyday(USUAL, "aiosqlite", "psycopg", "asyncmy"), ids=str)
def test_a_new_migration_is_complete_and_clean(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """Alembic itself writes what takes a unique constraint away, and what puts it back."""
    project = shutil.copytree(projects[tried], tmp_path / "my-api")
    url = database_url(tried, "my_api_revisions")
    create_database(project, environment, url)
    alembic(project, environment, url, "upgrade head")
    models = project / "app/items/models.py"
    text = models.read_text()
    for changed in (text.replace(", unique=True", ""), text):
        assert changed != models.read_text()
        models.write_text(changed)
        before = {*(project / "migrations/versions").glob("*.py")}
        alembic(project, environment, url, "revision --autogenerate -m change")
        (written,) = {*(project / "migrations/versions").glob("*.py")} - before
        assert re.fullmatch(r"20\d\d_\d\d_\d\d_\d{4}-[0-9a-f]{12}_change.py", written.name)
        assert "uq_items_name" in written.read_text()
        alembic(project, environment, url, "upgrade head", "downgrade -1", "upgrade head", "check")
    run(environment / "ruff", "check", "--no-cache", cwd=project)
    run(environment / "ruff", "format", "--check", "--no-cache", cwd=project)
    run(environment / "mypy", "--cache-dir", environment.parent / "mypy_cache", cwd=project)


def test_a_missing_server_is_one_sentence(
    combination: Combination, project: Path, environment: Path
) -> None:
    skip_unless_installable(combination)
    if combination.database == "sqlite":
        url = f"sqlite+{combination.driver}:////nowhere/at/all.db"
        tests = "tests/test_items.py"  # which have a file of their own
        done = run(
            environment / "python", "-m", "pytest", "-q", tests, cwd=project, DATABASE_URL=url
        )
        assert "passed" in done.stdout
        return
    url = f"{combination.database}+{combination.driver}://me:hunter2@127.0.0.1:9/my_api"
    done = run(
        environment / "python", "-m", "pytest", "-q", cwd=project, check=False, DATABASE_URL=url
    )
    assert done.returncode == 1
    assert "127.0.0.1:9" in done.stdout
    assert "hunter2" not in done.stdout
    assert "Traceback" not in done.stdout
    assert len(done.stdout.splitlines()) < 10, done.stdout


def test_the_development_database_is_left_alone(
    projects: dict[Combination, Path], environment: Path, tmp_path: Path
) -> None:
    combination = next(it for it in projects if it.driver == "pysqlite")
    project = projects[combination]
    file = tmp_path / "my_api.db"
    url = f"sqlite+pysqlite:///{file}"
    alembic(project, environment, url, "upgrade head")
    with sqlite3.connect(file) as connection:
        connection.execute("INSERT INTO items (name, category, quantity) VALUES ('mine', 'x', 1)")
    before = file.read_bytes()
    run(
        environment / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider",
        cwd=project, DATABASE_URL=url, PYTHONDONTWRITEBYTECODE="1",
    )  # fmt: skip
    assert file.read_bytes() == before


def test_it_can_be_installed_on_its_own(
    installed: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """An environment with what this project asks for and nothing else imports the app and migrates."""
    skip_unless_installable(installed)
    project = shutil.copytree(projects[installed], tmp_path / "my-api")
    folder = tmp_path / "environment"
    run(UV, "venv", "--quiet", "--python", sys.executable, folder, cwd=tmp_path)
    run(
        UV, "pip", "install", "--quiet", "--python", folder,
        "--requirement", project / "pyproject.toml", cwd=tmp_path,
    )  # fmt: skip
    own = folder / ("Scripts" if sys.platform == "win32" else "bin")
    code = "import app.main, app.database; from app.settings import Settings; app.database.Database.connect(Settings())"
    run(own / "python", "-c", code, cwd=project)
    create_database(project, environment, database_url(installed, "my_api_installed"))
    # Asked for again, for that was a login of the other environment.
    alembic(project, own, database_url(installed, "my_api_installed"), "upgrade head")


@pytest.mark.full
@pytest.mark.parametrize("environment", OTHER_PYTHONS, indirect=True)
def test_it_runs_on_every_python(
    environment: Path,
    projects: dict[Combination, Path],
    database_url: DatabaseURL,
) -> None:
    """One environment for each Python; that of this process runs all projects anyway."""
    for combination in DRIVERS:
        url = database_url(combination, "my_api")
        run(
            environment / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider",
            cwd=projects[combination], DATABASE_URL=url, PYTHONDONTWRITEBYTECODE="1",
        )  # fmt: skip
