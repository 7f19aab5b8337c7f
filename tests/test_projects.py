"""Every rendered project passes its own tests and migrations on a real server."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from combinations import COMBINATIONS, DRIVERS, USUAL, Combination
from conftest import (
    ONE_OF_EACH,
    PYTHONS,
    everyday,
    on,
    skip_unless_installable,
)
from processes import (
    UV,
    alembic,
    clean_environment,
    create_database,
    drop_database,
    execute,
    prepare,
    run,
)

DatabaseURL = Callable[[Combination, str], str]
OTHER_PYTHONS = [it for it in PYTHONS if it != "{}.{}".format(*sys.version_info)]


# The everyday run tests the others in `test_ci.py` with the commands of a job, in `test_example.py` and
# `test_workshop.py` without the example, and the other drivers of MariaDB on MySQL.
@pytest.mark.parametrize("tried", everyday(COMBINATIONS, "psycopg2"), ids=str)
def test_its_tests_pass(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    project = shutil.copytree(projects[tried], tmp_path / "my-api")
    url = database_url(tried, "my_api")
    run(environment / "python", "-m", "pytest", "-q", cwd=project, DATABASE_URL=url)


@pytest.mark.parametrize("tried", everyday(DRIVERS, "sqlite", "psycopg2", "mysqldb"), ids=str)
def test_its_migrations_upgrade_and_downgrade(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    project = shutil.copytree(projects[tried], tmp_path / "my-api")
    url = database_url(tried, "my_api_migrations")
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


@pytest.mark.parametrize("tried", everyday(USUAL, "psycopg"), ids=str)
def test_a_new_migration_is_complete_and_clean(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """Autogenerate removes a unique constraint, and adds it again."""
    project, url = tmp_path / "my-api", database_url(tried, "my_api_revisions")
    prepare(projects[tried], project, environment, url)
    models = project / "app/items/models.py"
    text = models.read_text()
    without, _, _ = text.replace(", unique=True", "").partition("\n\nexplain(")
    for changed in (without, text):
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


@pytest.mark.parametrize("tried", everyday(DRIVERS, *ONE_OF_EACH), ids=str)
def test_a_missing_server_is_reported_in_one_sentence(
    tried: Combination, projects: dict[Combination, Path], environment: Path, tmp_path: Path
) -> None:
    skip_unless_installable(tried)
    project = shutil.copytree(projects[tried], tmp_path / "my-api")
    if tried.database == "sqlite":
        url = f"sqlite+{tried.driver}:////nowhere/at/all.db"
        tests = "tests/items/test_items.py"  # these tests use a file of their own
        done = run(
            environment / "python", "-m", "pytest", "-q", tests, cwd=project, DATABASE_URL=url
        )
        assert "passed" in done.stdout
        return
    url = f"{tried.database}+{tried.driver}://me:hunter2@127.0.0.1:9/my_api"
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
    tests = (
        "tests/items/test_items.py",
        "tests/guarantees/test_migrations.py",
        "tests/guarantees/test_transactions.py",
    )
    run(
        environment / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests,
        cwd=project, DATABASE_URL=url, PYTHONDONTWRITEBYTECODE="1",
    )  # fmt: skip
    assert file.read_bytes() == before


# Queries for the names of all databases.
CATALOGUES = {
    "postgresql": ("postgres", "SELECT datname FROM pg_database"),
    "mysql": ("information_schema", "SELECT schema_name FROM schemata"),
    "mariadb": ("information_schema", "SELECT schema_name FROM schemata"),
}
ON_SERVERS = [it for it in DRIVERS if it.database != "sqlite"]
HANGING = """
import time


def test_hangs(settings: object) -> None:
    print("made", flush=True)
    time.sleep(60)
"""


def databases_of_tests(
    tried: Combination, project: Path, environment: Path, url: str, name: str
) -> set[str]:
    """Return the databases whose names begin like those of a project's tests."""
    database, query = CATALOGUES[tried.database]
    listed = execute(project, environment, on(url, database), query)
    return set(re.findall(rf"\b{name}_test\w*", listed))


@pytest.mark.parametrize("tried", everyday(ON_SERVERS, "mariadb+pymysql"), ids=str)
def test_each_run_drops_only_its_own_databases(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """Two runs at the same time, one of them with two workers; then one that is killed."""
    project = shutil.copytree(projects[tried], tmp_path / "my-api")
    url = database_url(tried, f"my_api_runs_{tried.database}")
    name = url.partition("?")[0].rpartition("/")[2]
    foreign = {f"{name}_test", f"{name}_test_0a1b2c3d"}  # like ours, but without a record
    for it in foreign:
        create_database(project, environment, on(url, it))

    def found() -> set[str]:
        return databases_of_tests(tried, project, environment, url, name) - foreign

    def start(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [environment / "python", "-m", "pytest", "-q", "-s", *words],
            cwd=project,
            env=clean_environment() | {"DATABASE_URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    tests = [
        "tests/items/test_items.py",
        "tests/guarantees/test_reading.py",
        "tests/guarantees/test_migrations.py",
    ]
    for process in [start(*tests), start("-n", "2", *tests)]:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert found() == set()

    (project / "tests/test_hanging.py").write_text(HANGING)
    process = start("tests/test_hanging.py")
    assert process.stdout is not None
    assert any("made" in line for line in process.stdout)
    beside = run(
        environment / "python", "-m", "pytest", "-q", "tests/items/test_items.py", cwd=project,
        DATABASE_URL=url,
    )  # fmt: skip
    assert "drop-test-databases" not in beside.stdout
    os.kill(process.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    process.communicate()
    (left,) = found()
    after = run(
        environment / "python", "-m", "pytest", "-q", "tests/items/test_items.py", cwd=project,
        DATABASE_URL=url,
    )  # fmt: skip
    assert f"left {left}; to drop that: uv run poe drop-test-databases" in after.stdout
    poe = (environment / "poe", "drop-test-databases")
    path = f"{environment}{os.pathsep}{os.environ['PATH']}"
    elsewhere = re.sub(r"//[^:]*:", "//somebody_else:", url)
    said_elsewhere = run(*poe, cwd=project, DATABASE_URL=elsewhere, PATH=path).stdout
    assert "is on another server" in said_elsewhere
    assert found() == {left}
    said = run(*poe, cwd=project, DATABASE_URL=url, PATH=path).stdout
    assert f"{left}" in said
    assert databases_of_tests(tried, project, environment, url, name) == foreign
    for it in foreign:
        drop_database(project, environment, on(url, it))


@pytest.mark.parametrize("tried", everyday(ON_SERVERS, "psycopg2", "asyncmy"), ids=str)
def test_the_longest_name_of_a_database_is_shortened_for_the_tests(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    project = shutil.copytree(projects[tried], tmp_path / "my-api")
    url = on(database_url(tried, ""), "my_api_" + "x" * 56)
    tests = "tests/items/test_items.py"
    run(environment / "python", "-m", "pytest", "-q", tests, cwd=project, DATABASE_URL=url)


@pytest.mark.parametrize("source", ["environment", ".env"])
def test_tests_refuse_production(
    source: str,
    projects: dict[Combination, Path],
    environment: Path,
    tmp_path: Path,
) -> None:
    for session in ("async", "sync"):
        tried = next(it for it in USUAL if (it.session, it.database) == (session, "postgresql"))
        project = shutil.copytree(projects[tried], tmp_path / session)
        (project / ".env").write_text("ENVIRONMENT=production\n" if source == ".env" else "")
        own = {"ENVIRONMENT": "production"} if source == "environment" else {}
        for words in (
            ["-m", "pytest", "-q"],
            ["-m", "pytest", "-n", "2"],
            ["-m", "tests.database"],
        ):
            done = run(environment / "python", *words, cwd=project, check=False, **own)
            assert done.returncode == 1
            assert "do not run where ENVIRONMENT is production" in done.stdout
            assert len(done.stdout.splitlines()) == 1, done.stdout


OTHER_SETTINGS = """
ALLOWED_HOSTS=api.example.com
CORS_ORIGINS=https://app.example.com
DATABASE_ECHO=true
DATABASE_MAX_OVERFLOW=2
DATABASE_MAX_WAITING=0
DATABASE_POOL_SIZE=3
DATABASE_POOL_TIMEOUT=1
DOCS=false
LOG_LEVEL=ERROR
MAX_BODY_SIZE=10
REQUEST_TIMEOUT=0.01
"""


@pytest.mark.full
@pytest.mark.parametrize("tried", USUAL, ids=str)
def test_tests_ignore_all_other_settings_from_outside(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """Neither `.env`, which sets only the database here, nor the environment changes them."""
    project = shutil.copytree(projects[tried], tmp_path / "my-api")
    url = database_url(tried, "my_api_settings")
    (project / ".env").write_text(f"DATABASE_URL={url}{OTHER_SETTINGS}")
    done = run(
        environment / "python", "-m", "pytest", "-q", "-n", "2", cwd=project, LOG_LEVEL="ERROR",
        allowed_hosts="api.example.com",
    )  # fmt: skip
    assert "passed" in done.stdout


BROKEN_REVISION = '''"""Leave nothing to the revision before it on the way down, which fails."""

from alembic import op

revision = "{number}"
down_revision = "{after}"


def upgrade() -> None:
    pass


def downgrade() -> None:
    op.drop_table("items")
'''


@pytest.mark.parametrize("tried", everyday(USUAL, "pysqlite", "asyncpg"), ids=str)
def test_a_failed_migration_fails_no_other_test(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    project = shutil.copytree(projects[tried], tmp_path / "my-api")
    folder = project / "migrations/versions"
    (first,) = folder.glob("*.py")
    after = first.name.partition("_create")[0].rpartition("-")[2]
    (folder / "next.py").write_text(BROKEN_REVISION.format(number="f" * 12, after=after))
    done = run(
        environment / "python", "-m", "pytest", "-q",
        "tests/guarantees/test_migrations.py", "tests/items/test_items.py", "tests/guarantees/test_reading.py",
        cwd=project, check=False, DATABASE_URL=database_url(tried, "my_api_broken"),
    )  # fmt: skip
    failed = re.findall("^FAILED .*::([a-z_]+)", done.stdout, re.MULTILINE)
    assert failed == ["test_the_migrations_can_be_downgraded"], done.stdout
    assert "ERROR tests" not in done.stdout, done.stdout


def test_it_can_be_installed_on_its_own(
    installed: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """With only the requirements of this project: import, migrate; with those of `dev`: test, seed."""
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
    # Requested again, because the first login was made in the other environment.
    alembic(project, own, database_url(installed, "my_api_installed"), "upgrade head")
    run(
        UV, "pip", "install", "--quiet", "--python", folder,
        "--group", f"{project / 'pyproject.toml'}:dev", cwd=tmp_path,
    )  # fmt: skip
    url = database_url(installed, "my_api_installed")
    run(own / "python", "-m", "pytest", "-q", "--collect-only", cwd=project, DATABASE_URL=url)
    run(own / "python", "-m", "pytest", "-q", "tests/items", cwd=project, DATABASE_URL=url)
    run(own / "python", "-m", "tests.seed", cwd=project, DATABASE_URL=url)


@pytest.mark.full
@pytest.mark.parametrize("environment", OTHER_PYTHONS, indirect=True)
def test_it_runs_on_every_python(
    environment: Path,
    projects: dict[Combination, Path],
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """One environment for each Python except this process's, which runs all projects anyway."""
    for combination in DRIVERS:
        url = database_url(combination, "my_api")
        project = shutil.copytree(projects[combination], tmp_path / str(combination))
        run(environment / "python", "-m", "pytest", "-q", cwd=project, DATABASE_URL=url)
