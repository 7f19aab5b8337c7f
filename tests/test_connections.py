"""The connections of many processes: their number, and their names in the server's own views."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx2
import pytest

from combinations import DRIVERS, Combination
from conftest import everyday, on, skip_unless_installable
from processes import alembic, execute, prepare, run, serving, with_probe
from servers import Server, mariadb_server, mysql_server, postgresql_server

ON_SERVERS = [it for it in DRIVERS if it.database != "sqlite"]
LIMIT = 27


@contextmanager
def limited(tried: Combination, rendered: Path, folder: Path, environment: Path) -> Iterator[str]:
    """Make the project, and a server that allows its user few connections; yield the URL."""
    scheme, name = f"{tried.database}+{tried.driver}", "my_api_limited"
    if tried.database == "postgresql":
        with postgresql_server() as server:
            url = on(f"{scheme}:{server.address}", name)
            with_probe(rendered, folder, environment, url)
            execute(
                folder, environment, url,
                f"CREATE ROLE app LOGIN CONNECTION LIMIT {LIMIT}",
                "GRANT ALL ON ALL TABLES IN SCHEMA public TO app",
                "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app",
            )  # fmt: skip
            yield url.replace("//postgres:@", "//app:@")
        return
    start: dict[str, Callable[[str], AbstractContextManager[Server]]] = {
        "mysql": mysql_server,
        "mariadb": mariadb_server,
    }
    with start[tried.database](f"--max-connections={LIMIT}") as other:
        url = on(f"{scheme}:{other.address}", name)
        with_probe(rendered, folder, environment, url)
        yield url


async def load(client: httpx2.Client, count: int, requests: int = 1) -> Counter[int]:
    """Send slow requests from many clients at once."""
    codes: Counter[int] = Counter()
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=client.base_url, limits=limits, timeout=60) as clients:

        async def one() -> None:
            for _ in range(requests):
                codes[(await clients.get("/probe/slow?seconds=0.2")).status_code] += 1

        await asyncio.gather(*(one() for _ in range(count)))
    return codes


@pytest.mark.parametrize("tried", everyday(ON_SERVERS, "asyncpg", "mariadb+pymysql"), ids=str)
def test_processes_that_need_too_many_connections_are_warned(
    tried: Combination, projects: dict[Combination, Path], environment: Path, tmp_path: Path
) -> None:
    skip_unless_installable(tried)

    def log() -> str:
        (file,) = tmp_path.glob("*.log")
        said = file.read_text()
        file.unlink()
        return said

    with limited(tried, projects[tried], tmp_path, environment) as url:
        with serving(
            tmp_path, environment, url, entrypoint="probe:app", WEB_CONCURRENCY="4"
        ) as client:
            codes = asyncio.run(load(client, 1000))
            assert set(codes) == {200, 503}, codes
        said = log()
        assert 1 <= said.count("4 processes with 15 connections each") <= 4, said
        assert "Set DATABASE_POOL_SIZE=3 and DATABASE_MAX_OVERFLOW=3" in said
        with serving(
            tmp_path,
            environment,
            url,
            entrypoint="probe:app",
            WEB_CONCURRENCY="4",
            DATABASE_POOL_SIZE="3",
            DATABASE_MAX_OVERFLOW="3",
        ) as client:
            codes = asyncio.run(load(client, 40, 5))
            assert set(codes) == {200}, codes
        assert "processes with" not in log()


WHO = {
    "postgresql": "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()",
    "mysql": (
        "SELECT attr_value FROM performance_schema.session_connect_attrs"
        " WHERE processlist_id = connection_id() AND attr_name = 'program_name'"
    ),
}
REVISION = """
from alembic import op
revision, down_revision = "0123456789ab", {head!r}
def upgrade():
    op.execute("CREATE TABLE who AS {who}")
"""
COMMAND = """
from app.commands import run
from app.database import Database
from sqlalchemy import text
async def ask_who(db: Database) -> None:
    async with db.unit() as session:
        print("I am", await session.scalar(text({who!r})))
run(ask_who)
"""


@pytest.mark.parametrize(
    "tried",
    everyday(
        [it for it in ON_SERVERS if it.database in WHO and it.driver != "mysqldb"],
        "asyncpg", "mysql+pymysql",
    ),
    ids=str,
)  # fmt: skip
def test_the_server_shows_whose_a_connection_is(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: Callable[[Combination, str], str],
    tmp_path: Path,
) -> None:
    url = database_url(tried, f"my_api_who_{tried.session}_{tried.driver}")
    prepare(projects[tried], tmp_path, environment, url)
    who = WHO[tried.database]
    head = alembic(tmp_path, environment, url, "heads").stdout.split()[-2]
    (tmp_path / "migrations/versions/0123456789ab_who.py").write_text(
        REVISION.format(head=head, who=who)
    )
    alembic(tmp_path, environment, url, "upgrade head")
    assert "my-api migration" in execute(tmp_path, environment, url, "SELECT * FROM who")
    command = COMMAND.format(who=who)
    if tried.session == "sync":
        command = command.replace("async ", "").replace("await ", "")
    (tmp_path / "app/commands/ask_who.py").write_text(command)
    done = run(environment / "python", "-m", "app.commands.ask_who", cwd=tmp_path, DATABASE_URL=url)
    assert "I am my-api ask_who" in done.stdout
    assert "my-api" in execute(tmp_path, environment, url, who)
    code = "import tests; from app.settings import Settings; print(Settings().database_client_name)"
    done = run(environment / "python", "-c", code, cwd=tmp_path, DATABASE_URL=url, PYTHONPATH=".")
    assert done.stdout.strip() == "tests"
