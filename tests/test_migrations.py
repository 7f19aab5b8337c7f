"""Migrations of rendered projects, in separate processes and on real servers."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Timer

import pytest

from combinations import DRIVERS, Combination
from conftest import everyday, own_name
from processes import (
    alembic,
    clean_environment,
    create_database,
    drop_database,
    execute,
    in_project,
    run,
)

DatabaseURL = Callable[[Combination, str], str]
ON_POSTGRESQL = [it for it in DRIVERS if it.database == "postgresql"]
ON_SERVERS = [it for it in DRIVERS if it.database != "sqlite"]

REVISION = '''"""A revision of a test."""

import pathlib
import time

import sqlalchemy as sa
from alembic import op

revision = "0000000000aa"
down_revision = "5d2a91c07e3f"
branch_labels = None
depends_on = None


def upgrade() -> None:
    {upgrade}


def downgrade() -> None:
    {downgrade}
'''
UNTIL_TOLD = """begun = time.monotonic()
    while not pathlib.Path("go").exists() and time.monotonic() < begun + 120:
        time.sleep(0.05)"""
CONCURRENTLY = f"""with op.get_context().autocommit_block():
        op.drop_index("ix_items_quantity", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_items_quantity", "items", ["quantity"], postgresql_concurrently=True)
    {UNTIL_TOLD}
    with op.get_context().autocommit_block():
        op.create_index("ix_items_name", "items", ["name"], postgresql_concurrently=True)"""


def with_revision(rendered: Path, project: Path, upgrade: str, downgrade: str = "pass") -> Path:
    """Copy a project and add a revision."""
    shutil.copytree(rendered, project)
    text = REVISION.format(upgrade=upgrade, downgrade=downgrade)
    (project / "migrations/versions/of_a_test.py").write_text(text)
    return project


@contextmanager
def started(
    *command: str | Path, cwd: Path, until: str, url: str, **settings: str
) -> Iterator[subprocess.Popen[str]]:
    """Start a process, and wait until its output contains a text."""
    own = {"DATABASE_URL": url, "PYTHONPATH": ".", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=clean_environment() | own | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        timer = Timer(60, process.kill)
        timer.start()
        said = ""
        while until not in said:
            line = process.stdout.readline()
            said += line
            assert line, f"{command} did not say {until!r}:\n{said}"
        timer.cancel()
        try:
            yield process
        finally:
            process.kill()


def upgrade_at_once(
    project: Path, environment: Path, url: str, count: int, **settings: str
) -> None:
    """Run concurrent upgrades: one migrates, the others log that they wait, and all succeed."""
    command = (environment / "alembic", "upgrade", "head")
    with ExitStack() as stack:
        processes = [
            stack.enter_context(started(*command, cwd=project, url=url, until=until, **settings))
            for until in ["-> 0000000000aa", *["Waiting for the"] * (count - 1)]
        ]
        (project / "go").touch()
        for process in processes:
            said, _ = process.communicate(timeout=60)
            assert process.returncode == 0, said
            assert "-> 0000000000aa" not in said
            assert "Waiting for" not in said
    (project / "go").unlink()


@pytest.mark.parametrize("tried", everyday(DRIVERS, "aiosqlite", "mysqldb"), ids=str)
def test_concurrent_upgrades_wait_for_each_other(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    project = with_revision(projects[tried], tmp_path / "my-api", UNTIL_TOLD)
    url = database_url(tried, "my_api_upgrades")
    create_database(project, environment, url)
    upgrade_at_once(project, environment, url, 3)


@pytest.mark.parametrize("tried", everyday(ON_POSTGRESQL, "asyncpg"), ids=str)
def test_an_index_is_built_concurrently_while_other_upgrades_wait(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """The statement timeout of the role is shorter than the time that the others wait."""
    drops = "op.drop_index('ix_items_name'); op.drop_index('ix_items_quantity')"
    project = with_revision(projects[tried], tmp_path / "my-api", CONCURRENTLY, drops)
    url = database_url(tried, "my_api_concurrently")
    create_database(project, environment, url)
    name = own_name("my_api_concurrently")
    short = f"ALTER DATABASE {name} SET statement_timeout = '1s'"
    execute(project, environment, url, short)
    upgrade_at_once(project, environment, url, 2)
    alembic(project, environment, url, "downgrade -1")
    upgrade_at_once(project, environment, url, 3)
    valid = (
        "SELECT count(*) FROM pg_index JOIN pg_class ON oid = indexrelid"
        " WHERE relname IN ('ix_items_name', 'ix_items_quantity') AND indisvalid"
    )
    assert "(2,)" in execute(project, environment, url, valid)


@pytest.mark.parametrize("tried", everyday(DRIVERS, "pysqlite", "pymysql"), ids=str)
def test_read_only_commands_do_not_wait(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    project = with_revision(projects[tried], tmp_path / "my-api", UNTIL_TOLD)
    url = database_url(tried, "my_api_readers")
    create_database(project, environment, url)
    alembic(project, environment, url, "upgrade 5d2a91c07e3f")
    with started(
        environment / "alembic", "upgrade", "head",
        cwd=project, url=url, until="-> 0000000000aa",
    ) as upgrade:  # fmt: skip
        done = alembic(
            project, environment, url,
            "current", "history --indicate-current", "heads", "upgrade 5d2a91c07e3f --sql",
        )  # fmt: skip
        assert "5d2a91c07e3f" in done.stdout
        assert "Waiting for" not in done.stdout
        check = run(environment / "alembic", "check", cwd=project, check=False, DATABASE_URL=url)
        assert "Target database is not up to date" in check.stdout
        with started(
            environment / "alembic", "stamp", "head", cwd=project, url=url, until="Waiting for the",
        ):  # fmt: skip
            assert upgrade.poll() is None


@pytest.mark.parametrize("tried", everyday(DRIVERS, "psycopg2"), ids=str)
def test_read_only_commands_write_nothing(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """Otherwise a command could create the version table at the same time as an upgrade."""
    project = shutil.copytree(projects[tried], tmp_path / "my-api")
    url = database_url(tried, "my_api_unwritten")
    create_database(project, environment, url)
    run(environment / "alembic", "check", cwd=project, check=False, DATABASE_URL=url)
    alembic(project, environment, url, "current", "history --indicate-current")
    execute(project, environment, url, "CREATE TABLE alembic_version (id INTEGER)")


@pytest.mark.parametrize("tried", everyday(DRIVERS, "psycopg2", "pysqlite"), ids=str)
def test_ddl_waits_some_seconds_for_a_locked_table(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    project = with_revision(
        projects[tried],
        tmp_path / "my-api",
        'op.add_column("items", sa.Column("extra", sa.Integer))',
    )
    url = database_url(tried, "my_api_lock_timeout")
    create_database(project, environment, url)
    alembic(project, environment, url, "upgrade 5d2a91c07e3f")
    read = "SELECT 'held' FROM (SELECT count(*) FROM items) AS counted"
    with started(
        *in_project(project, environment, read, seconds=120), cwd=project, url=url, until="held"
    ):
        begun = time.monotonic()
        done = run(
            environment / "alembic", "upgrade", "head",
            cwd=project, check=False, DATABASE_URL=url, DATABASE_BUSY_TIMEOUT="3",
        )  # fmt: skip
        assert time.monotonic() - begun < 60
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stdout
    assert "another transaction holds" in done.stdout.splitlines()[-1]
    done = alembic(project, environment, url, "upgrade head")
    assert "-> 0000000000aa" in done.stdout


@pytest.mark.parametrize("tried", everyday(ON_SERVERS, "asyncpg"), ids=str)
def test_a_missing_database_is_created_by_one_command(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    project = shutil.copytree(projects[tried], tmp_path / "my-api")
    url = database_url(tried, "my_api_missing")
    drop_database(project, environment, url)
    for command in ("upgrade head", "current", "check", "revision --autogenerate -m change"):
        done = run(
            environment / "alembic", *command.split(), cwd=project, check=False, DATABASE_URL=url
        )
        assert done.returncode == 1, done.stdout
        assert "uv run poe create-db" in done.stdout
        assert len(done.stdout.splitlines()) == 1, done.stdout
    (poe,) = [
        line
        for line in (project / "pyproject.toml").read_text().splitlines()
        if "create-db.cmd" in line
    ]
    create = poe.partition('"')[2].rstrip('"').split()
    for said in ("was created", "exists already"):
        done = run(environment / create[0], *create[1:], cwd=project, DATABASE_URL=url)
        assert said in done.stdout
        assert len(done.stdout.splitlines()) == 1, done.stdout
    alembic(project, environment, url, "upgrade head")
    drop_database(project, environment, url)


@pytest.mark.parametrize("tried", everyday(DRIVERS, "aiosqlite", "pymysql"), ids=str)
def test_a_failed_connection_is_reported_in_one_sentence(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
) -> None:
    """There is no server, an unknown user or a wrong password; on SQLite the folder is missing."""
    url = database_url(tried, "postgres" if tried.database == "postgresql" else "mysql")
    scheme, _, address = url.partition("://")
    server = address.rpartition("@")[2]
    refused = [
        f"{scheme}://somebody:hunter2@127.0.0.1:9/my_api",
        f"{scheme}://somebody:hunter2@{server}",
    ]
    if tried.database != "postgresql":  # the test server of PostgreSQL accepts every password
        user = address.partition(":")[0]
        refused.append(f"{scheme}://{user}:hunter2@{server}")
    commands = ["alembic upgrade head", "app.commands.create_database"]
    if tried.database == "sqlite":
        refused = [f"{scheme}:////nowhere/at/all.db"]
        commands = ["alembic upgrade head"]
    for url in refused:
        for command in commands:
            done = run(
                environment / "python", "-m", *command.split(),
                cwd=projects[tried], check=False, DATABASE_URL=url, PYTHONDONTWRITEBYTECODE="1",
            )  # fmt: skip
            assert done.returncode == 1, done.stdout
            assert len(done.stdout.splitlines()) == 1, done.stdout
            assert "DATABASE_URL" in done.stdout
            assert "hunter2" not in done.stdout
