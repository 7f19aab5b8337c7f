"""The guarantees of every rendered project, under faults that need real processes."""

import asyncio
import re
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx2
import pytest
from proxy import counting

from combinations import DRIVERS, Combination
from conftest import everyday, on, own_name, skip_unless_installable
from processes import alembic, run, serving, with_probe
from servers import Server, mariadb_server, mysql_server, postgresql_server

DatabaseURL = Callable[[Combination, str], str]
Projects = dict[Combination, Path]

ON_SERVERS = [it for it in DRIVERS if it.database != "sqlite"]
POSTGRESQL = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
INNODB = "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> connection_id()"
# Round trips of a reader and of a session.
ROUND_TRIPS = (1, 3)
OPEN_TRANSACTIONS = {"postgresql": POSTGRESQL, "mysql": INNODB, "mariadb": INNODB}
KEEPERS: dict[str, Callable[[], AbstractContextManager[Server]]] = {
    "postgresql": postgresql_server,
    "mysql": mysql_server,
    "mariadb": mariadb_server,
}


async def at_once(
    client: httpx2.Client, count: int, method: str, path: str, patience: float = 60
) -> list[httpx2.Response | None]:
    """Send a request from `count` clients at the same time; None for a client that disconnected."""
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=client.base_url, limits=limits, timeout=60) as clients:

        async def one(number: int) -> httpx2.Response | None:
            try:
                async with asyncio.timeout(patience):
                    return await clients.request(method, path.replace("NUMBER", str(number)))
            except TimeoutError:
                return None

        return await asyncio.gather(*map(one, range(count)))


def codes(responses: list[httpx2.Response | None]) -> set[int | None]:
    return {response.status_code if response else None for response in responses}


def wait_until_free(client: httpx2.Client) -> None:
    """Wait until no connection is checked out and all slots are free."""
    deadline = time.monotonic() + 20
    while (held := client.get("/probe/held").json()) != [0, 0, 10]:
        assert time.monotonic() < deadline, held
        time.sleep(0.1)


@pytest.mark.parametrize(
    "tried", everyday(DRIVERS, "aiosqlite", "asyncpg", "mysql+pymysql"), ids=str
)
def test_nothing_is_lost_and_nothing_leaks(
    tried: Combination,
    projects: Projects,
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    url = database_url(tried, f"my_api_{tried.driver}_{tried.session}")
    with_probe(projects[tried], tmp_path, environment, url)
    with serving(tmp_path, environment, url, entrypoint="probe:app") as client:
        every_row_is_visible_when_its_response_arrives(client)
        no_update_is_lost_by_many_writers(client, tried)
        excess_requests_get_503(client)
        disconnected_clients_leave_no_transaction(client, tried)


def every_row_is_visible_when_its_response_arrives(client: httpx2.Client) -> None:
    for number in range(500):
        made = client.post(
            "/items", json={"name": f"Row {number}", "category": "row", "quantity": 0}
        ).json()
        assert client.get(f"/items/{made['id']}").json() == made


def no_update_is_lost_by_many_writers(client: httpx2.Client, tried: Combination) -> None:
    """Without a lock, only SQLite guarantees this: it has one writer at a time."""
    if tried.database != "sqlite":
        return
    item = client.post(
        "/items", json={"name": "Counter", "category": "counter", "quantity": 0}
    ).json()
    for _ in range(4):
        responses = asyncio.run(at_once(client, 50, "POST", f"/probe/add?item_id={item['id']}"))
        assert codes(responses) == {200}
    assert client.get(f"/probe/read?item_id={item['id']}").json() == 200


def excess_requests_get_503(client: httpx2.Client) -> None:
    async def load_and_health() -> list[httpx2.Response | None]:
        load = asyncio.create_task(at_once(client, 1000, "GET", "/probe/slow?seconds=0.05"))
        await asyncio.sleep(0.2)
        live = await at_once(client, 1, "GET", "/health/live")
        assert codes(live) == {200}
        return await load

    responses = asyncio.run(load_and_health())
    assert codes(responses) == {200, 503}
    for response in responses:
        assert response is not None
        assert response.status_code == 200 or response.headers["Retry-After"]
    wait_until_free(client)


def disconnected_clients_leave_no_transaction(client: httpx2.Client, tried: Combination) -> None:
    """200 clients disconnect while their statement runs on the server."""
    seconds = 0.05 if tried.database == "sqlite" else 0.5  # SQLite has one writer at a time
    path = f"/probe/write?seconds={seconds}&name=Gone+NUMBER"
    responses = asyncio.run(at_once(client, 200, "POST", path, patience=0.35))
    assert None in codes(responses)
    wait_until_free(client)
    no_transaction_is_open(client, tried)


def no_transaction_is_open(client: httpx2.Client, tried: Combination) -> None:
    """Wait until the server has none: it may still run the statement of a cancelled request."""
    if question := OPEN_TRANSACTIONS.get(tried.database):
        deadline = time.monotonic() + 20
        while open_ones := client.get("/probe/ask", params={"question": question}).json():
            assert time.monotonic() < deadline, open_ones
            time.sleep(0.1)


@pytest.mark.parametrize(
    "tried", everyday(DRIVERS, "aiosqlite", "asyncpg", "asyncmy", "psycopg2"), ids=str
)
def test_requests_past_their_deadline_leave_no_rows_or_transactions(
    tried: Combination,
    projects: Projects,
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """200 requests are cancelled, most of them while their statement runs on the server."""
    url = database_url(tried, f"my_api_deadline_{tried.driver}_{tried.session}")
    with_probe(projects[tried], tmp_path, environment, url)
    with serving(
        tmp_path,
        environment,
        url,
        entrypoint="probe:app",
        REQUEST_TIMEOUT="0.3",
        DATABASE_MAX_WAITING="200",
    ) as client:
        path = "/probe/write?seconds=0.5&name=Late+NUMBER"
        assert codes(asyncio.run(at_once(client, 200, "POST", path))) == {503}
        wait_until_free(client)
        no_transaction_is_open(client, tried)
        deadline = time.monotonic() + 20
        while (found := client.get("/items")).status_code == 503:  # this request has a deadline too
            assert time.monotonic() < deadline, found.text
        assert found.json().get("items") == [], found.text


@pytest.mark.parametrize("tried", everyday(ON_SERVERS, "psycopg", "pymysql"), ids=str)
def test_the_server_ends_long_statements_and_idle_transactions(
    tried: Combination,
    projects: Projects,
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    url = database_url(tried, f"my_api_limits_{tried.driver}_{tried.session}")
    with_probe(projects[tried], tmp_path, environment, url)
    with serving(
        tmp_path,
        environment,
        url,
        entrypoint="probe:app",
        tracebacks=True,
        DATABASE_STATEMENT_TIMEOUT="1",
    ) as client:
        paths = ["/probe/slow?seconds=3", "/probe/idle?seconds=3"]
        # MySQL has no limit for idle transactions.
        for path in paths[:1] if tried.database == "mysql" else paths:
            ended = client.get(path)
            assert ended.status_code == 503, ended.text
            assert ended.headers["Retry-After"]
        wait_until_free(client)


@pytest.mark.parametrize("tried", everyday(ON_SERVERS, "asyncpg", "mysql+pymysql"), ids=str)
def test_requests_succeed_after_a_database_restart(
    tried: Combination, projects: Projects, environment: Path, tmp_path: Path
) -> None:
    skip_unless_installable(tried)
    with KEEPERS[tried.database]() as server:
        url = on(f"{tried.database}+{tried.driver}:{server.address}", "my_api_restart")
        with_probe(projects[tried], tmp_path, environment, url)
        with serving(tmp_path, environment, url, entrypoint="probe:app", tracebacks=True) as client:
            for end in (server.stop, server.kill):
                asyncio.run(at_once(client, 10, "GET", "/probe/slow?seconds=0.1"))
                end()
                assert client.get("/health/live").status_code == 200
                assert client.get("/health/ready").status_code == 503
                for method, path in (("GET", "/items"), ("DELETE", "/items/1")):
                    away = client.request(method, path)
                    assert away.status_code == 503, away.text
                    assert away.headers["Retry-After"]
                server.start()
                assert client.get("/health/ready").status_code == 200
                asyncio.run(at_once(client, 10, "GET", "/probe/slow?seconds=0.1"))
                end()  # once more, without a request while it is stopped
                server.start()
                time.sleep(1)
                for _ in range(10):
                    assert codes(asyncio.run(at_once(client, 20, "GET", "/items"))) == {200}


@pytest.mark.parametrize("tried", everyday(ON_SERVERS, "postgresql", "mysql"), ids=str)
def test_a_select_takes_as_few_round_trips_as_the_driver_allows(
    tried: Combination,
    projects: Projects,
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    direct = database_url(tried, "my_api_round_trips")
    scheme, _, address = direct.partition(":")
    with_probe(projects[tried], tmp_path, environment, direct)
    with counting(address) as (proxy, through):
        url = on(f"{scheme}:{through}", own_name("my_api_round_trips"))
        with serving(tmp_path, environment, url, entrypoint="probe:app") as client:
            item = client.post(
                "/items", json={"name": "Lamp", "category": "light", "quantity": 0}
            ).json()

            def round_trips_of(path: str) -> int:
                for _ in range(3):  # the third time, all statements are prepared
                    before = proxy.count
                    assert client.get(path).status_code == 200
                return proxy.count - before

            found = (
                round_trips_of(f"/probe/read?item_id={item['id']}"),
                round_trips_of("/probe/ask?question=SELECT+1"),
            )
            assert found == ROUND_TRIPS


@pytest.mark.parametrize("session", ["async", "sync"])
def test_requests_in_flight_are_finished(
    session: str,
    projects: Projects,
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    tried = next(it for it in DRIVERS if it.session == session)
    url = database_url(tried, "my_api_shutdown")
    with_probe(projects[tried], tmp_path, environment, url)

    async def in_flight(client: httpx2.Client) -> list[httpx2.Response | None]:
        flying = asyncio.create_task(at_once(client, 5, "GET", "/probe/slow?seconds=1"))
        await asyncio.sleep(0.5)
        await at_once(client, 1, "POST", "/probe/stop")
        return await flying

    with serving(tmp_path, environment, url, entrypoint="probe:app") as client:
        assert codes(asyncio.run(in_flight(client))) == {200}


def with_query(url: str, query: str) -> str:
    """Add parameters to the query of a URL."""
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


REVISION = '''"""{message}."""

from alembic import op
from sqlalchemy import BigInteger, Integer, text

revision = "{number}"
down_revision = "{after}"


def upgrade() -> None:
    {upgrade}


def downgrade() -> None:
    pass
'''


def add_revision(project: Path, message: str, upgrade: str) -> None:
    """Write a revision that follows the only one of the project."""
    folder = project / "migrations/versions"
    (first,) = folder.glob("*.py")
    after = first.name.partition("_create")[0].rpartition("-")[2]
    source = REVISION.format(message=message, number="f" * 12, after=after, upgrade=upgrade)
    (folder / "next.py").write_text(source)


WIDEN = """with op.batch_alter_table("items") as items:
        items.alter_column(
            "quantity", existing_type=Integer(), type_=BigInteger(), existing_nullable=False
        )"""


async def under_load(client: httpx2.Client, work: Callable[[], object]) -> Counter[int]:
    """Count the status codes for 10 clients that read and write while `work` runs in a thread."""
    answers: Counter[int] = Counter()
    running = asyncio.create_task(asyncio.to_thread(work))
    async with httpx2.AsyncClient(base_url=client.base_url, timeout=60) as clients:

        async def one(number: int) -> None:
            while not running.done() or time.monotonic() < until:
                if number % 2:
                    response = await clients.get(f"/items/{number}")
                else:
                    response = await clients.patch(f"/items/{number}", json={"quantity": 1})
                answers[response.status_code] += 1

        until = time.monotonic() + 1
        await asyncio.gather(running, *map(one, range(1, 11)))
    return answers


@pytest.mark.parametrize("tried", everyday(DRIVERS, "psycopg"), ids=str)
def test_a_migration_under_load_fails_at_most_one_request_per_connection(
    tried: Combination,
    projects: Projects,
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    url = database_url(tried, f"my_api_migrated_{tried.driver}_{tried.session}")
    with_probe(projects[tried], tmp_path, environment, url)
    with serving(tmp_path, environment, url, entrypoint="probe:app", tracebacks=True) as client:
        for number in range(10):
            client.post(
                "/items", json={"name": f"Item {number}", "category": "item", "quantity": 0}
            )
        for _ in range(10):  # a driver prepares a statement after some executions
            for number in range(1, 11):
                client.patch(f"/items/{number}", json={"quantity": 2})
            assert codes(asyncio.run(at_once(client, 15, "GET", "/items/1"))) == {200}
        add_revision(tmp_path, "Widen the quantity", WIDEN)
        answers = asyncio.run(
            under_load(client, lambda: alembic(tmp_path, environment, url, "upgrade head"))
        )
        assert set(answers) <= {200, 503}, answers
        assert answers[503] <= 15, answers
        for _ in range(5):
            assert codes(asyncio.run(at_once(client, 20, "GET", "/items/1"))) == {200}
            assert client.patch("/items/1", json={"quantity": 3}).status_code == 200


# A URL's query, the settings that a migration stores, and a check that the service has the same.
POSTGRESQL_SAYS = {
    "query": "options=-c%20timezone%3DAsia/Tokyo&application_name=alike",
    "told": "SELECT current_setting('TimeZone') AS zone, current_setting('application_name') AS name",
    "question": "SELECT CAST(zone = 'Asia/Tokyo' AND zone = current_setting('TimeZone')"
    " AND name = 'alike' AND name = current_setting('application_name') AS int) FROM told",
    "sleep": "SELECT pg_sleep(2)",
}
MYSQL_SAYS = {
    "query": "init_command=SET%20time_zone%3D%27%2B09:00%27",
    "told": "SELECT @@time_zone AS zone",
    "question": "SELECT zone = '+09:00' AND zone = @@time_zone FROM told",
    "sleep": "SELECT sleep(2)",
}
SAYS = {"postgresql": POSTGRESQL_SAYS, "mysql": MYSQL_SAYS, "mariadb": MYSQL_SAYS}


@pytest.mark.parametrize("tried", everyday(ON_SERVERS, "asyncpg", "pymysql"), ids=str)
def test_service_and_migrations_connect_alike_except_for_the_limits(
    tried: Combination,
    projects: Projects,
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """The revision exceeds the statement timeout of the service."""
    says = SAYS[tried.database]
    url = with_query(
        database_url(tried, f"my_api_alike_{tried.driver}_{tried.session}"), says["query"]
    )
    with_probe(projects[tried], tmp_path, environment, url)
    asleep = f"assert not op.get_bind().scalar(text({says['sleep']!r}))"
    stored = f"op.execute({'CREATE TABLE told AS ' + says['told']!r})"
    add_revision(tmp_path, "Be told", f"{asleep}\n    {stored}")
    run(
        environment / "alembic", "upgrade", "head",
        cwd=tmp_path, DATABASE_URL=url, DATABASE_STATEMENT_TIMEOUT="1",
    )  # fmt: skip
    with serving(
        tmp_path, environment, url, entrypoint="probe:app", DATABASE_STATEMENT_TIMEOUT="1"
    ) as client:
        answer = client.get("/probe/ask", params={"question": says["question"]})
        assert answer.json() == 1, answer.text


EXECUTE = """
import sys
from sqlalchemy import create_engine
with create_engine(sys.argv[1], isolation_level="AUTOCOMMIT").connect() as connection:
    for statement in sys.argv[2:]:
        connection.exec_driver_sql(statement)
"""
ADMINISTRATORS = {
    "postgresql": ("psycopg", "options=-c%20default_transaction_read_only%3Doff"),
    "mysql": ("pymysql", ""),
    "mariadb": ("pymysql", ""),
}
DEMOTE = {
    "postgresql": (
        "ALTER SYSTEM SET default_transaction_read_only = on",
        "SELECT pg_reload_conf()",
    ),
    "mysql": ("SET GLOBAL super_read_only = ON",),
    "mariadb": ("SET GLOBAL read_only = ON",),
}
PROMOTE = {
    "postgresql": ("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"),
    "mysql": ("SET GLOBAL read_only = OFF",),
    "mariadb": ("SET GLOBAL read_only = OFF",),
}
CONNECTION_ID = {
    "postgresql": "SELECT pg_backend_pid()",
    "mysql": "SELECT connection_id()",
    "mariadb": "SELECT connection_id()",
}


@pytest.mark.parametrize("tried", everyday(ON_SERVERS, "asyncpg", "pymysql"), ids=str)
def test_the_service_reconnects_after_a_server_becomes_read_only(
    tried: Combination, projects: Projects, environment: Path, tmp_path: Path
) -> None:
    skip_unless_installable(tried)
    name = "my_api_demoted"
    driver, query = ADMINISTRATORS[tried.database]
    with KEEPERS[tried.database]() as server:
        administrator = with_query(on(f"{tried.database}+{driver}:{server.address}", name), query)

        def execute(*statements: str) -> None:
            command = (environment / "python", "-c", EXECUTE, administrator)
            run(*command, *statements, cwd=tmp_path)

        url = on(f"{tried.database}+{tried.driver}:{server.address}", name)
        with_probe(projects[tried], tmp_path, environment, url)
        if tried.database != "postgresql":  # root may write to a read-only server
            for host in ("localhost", "127.0.0.1"):
                execute(
                    f"CREATE USER app@'{host}' IDENTIFIED BY 'secret'",
                    f"GRANT ALL ON {name}.* TO app@'{host}'",
                )
            url = re.sub("//root:[^@]*@", "//app:secret@", url)
        with serving(tmp_path, environment, url, entrypoint="probe:app", tracebacks=True) as client:
            question = {"question": CONNECTION_ID[tried.database]}

            def write(number: int) -> httpx2.Response:
                return client.post(
                    "/items", json={"name": f"Item {number}", "category": "item", "quantity": 0}
                )

            assert write(1).status_code == 201
            before = client.get("/probe/ask", params=question).json()
            execute(*DEMOTE[tried.database])
            time.sleep(1)
            away = write(2)
            assert away.status_code == 503, away.text
            assert away.headers["Retry-After"]
            assert client.get("/probe/ask", params=question).json() != before
            assert client.get("/items").status_code == 200
            execute(*PROMOTE[tried.database])
            time.sleep(1)
            assert write(3).status_code == 201


@pytest.mark.parametrize("tried", everyday(ON_SERVERS, "asyncpg", "pymysql"), ids=str)
def test_background_tasks_leave_connections_for_requests(
    tried: Combination,
    projects: Projects,
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """30 tasks exceed the pool timeout; then a shutdown cancels some."""
    url = database_url(tried, f"my_api_tasks_{tried.driver}_{tried.session}")
    with_probe(projects[tried], tmp_path, environment, url)
    stored = "/probe/ask?question=SELECT count(*) FROM items WHERE category = 'later'"

    def post(client: httpx2.Client, count: int, name: str, seconds: float) -> None:
        path = f"/probe/later?name={name}+NUMBER&seconds={seconds}"
        assert codes(asyncio.run(at_once(client, count, "POST", path))) == {202}

    with serving(
        tmp_path,
        environment,
        url,
        entrypoint="probe:app",
        tracebacks=True,
        graceful=1,
        DATABASE_POOL_TIMEOUT="1",
        ENVIRONMENT="production",  # tracebacks are short in production
    ) as client:
        post(client, 30, "Kept", 1.2)
        deadline = time.monotonic() + 60
        while client.get(stored).json() < 30:
            assert codes(asyncio.run(at_once(client, 20, "GET", "/items"))) == {200}
            assert time.monotonic() < deadline
        wait_until_free(client)
        (log,) = tmp_path.glob("*.log")
        assert "Traceback" not in log.read_text()
        post(client, 6, "Cut", 4)  # four of these wait for a connection
        asyncio.run(at_once(client, 3, "GET", "/probe/slow?seconds=5", patience=0.5))
    said = log.read_text()
    assert said.count("store_later was cancelled") == (6 if tried.session == "async" else 4), said
    assert said.count("store_later still runs in its thread") == (
        0 if tried.session == "async" else 2
    )
    assert said.count("POST /probe/later was cancelled") == 6, said
    assert said.count("GET /probe/slow was cancelled") == 3, said


@pytest.mark.parametrize("tried", everyday(DRIVERS, "pysqlite", "asyncpg"), ids=str)
def test_slow_requests_hold_nothing_and_a_cut_stream_is_one_line(
    tried: Combination,
    projects: Projects,
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """100 requests wait between two units of work; in sync, 60 of them wait for a thread first.

    In sync, the probe would wait for a thread too, so it looks beside fewer requests.
    """
    url = database_url(tried, f"my_api_slow_{tried.driver}_{tried.session}")
    with_probe(projects[tried], tmp_path, environment, url)

    async def slow_and_quick(
        client: httpx2.Client, count: int
    ) -> tuple[list[int], set[int | None]]:
        slow = asyncio.create_task(at_once(client, count, "GET", "/probe/steps?seconds=2"))
        await asyncio.sleep(1)
        (held,) = await at_once(client, 1, "GET", "/probe/held")
        quick = await at_once(client, 50, "GET", "/items")
        assert held
        return held.json(), codes(quick) | codes(await slow)

    with serving(
        tmp_path,
        environment,
        url,
        entrypoint="probe:app",
        tracebacks=True,
        ENVIRONMENT="production",
    ) as client:
        few = 100 if tried.session == "async" else 20
        assert asyncio.run(slow_and_quick(client, few)) == ([0, 0, 10], {200})
        assert asyncio.run(slow_and_quick(client, 100))[1] == {200}
        with pytest.raises(httpx2.RemoteProtocolError):  # the end of the stream is missing
            client.get("/probe/parts?question=SELECT nothing FROM nowhere")
    (log,) = tmp_path.glob("*.log")
    lines = [line for line in log.read_text().splitlines() if '"level": "error"' in line]
    assert len(lines) == 1, lines
    assert '"event": "GET /probe/parts was cut"' in lines[0]
    assert '"status": 200' in lines[0]


def answers_of_readiness(client: httpx2.Client) -> list[int]:
    """Request readiness until it is 200, as an orchestrator does."""
    answers = [0]
    begun = time.monotonic()
    while answers[-1] != 200:
        assert time.monotonic() - begun < 20, answers
        answers.append(client.get("/health/ready").status_code)
    return answers[1:]


@pytest.mark.parametrize("tried", everyday(ON_SERVERS, "asyncpg", "pymysql"), ids=str)
def test_readiness_waits_for_a_slow_connection(
    tried: Combination,
    projects: Projects,
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """A connection takes 3 seconds to open, and readiness responds after at most 2."""
    name = f"my_api_slow_{tried.driver}_{tried.session}"
    direct = database_url(tried, name)
    scheme, _, address = direct.partition(":")
    with_probe(projects[tried], tmp_path, environment, direct)
    with counting(address, delay=3) as (proxy, through):
        url = on(f"{scheme}:{through}", own_name(name))
        with serving(tmp_path, environment, url) as client:
            responses = asyncio.run(at_once(client, 10, "GET", "/health/ready"))
            assert codes(responses) == {503}
            assert answers_of_readiness(client) == [200]
            assert proxy.clients == 1
        # The process can also end during an attempt.
        with serving(tmp_path, environment, url) as client:
            assert client.get("/health/ready").status_code == 503


@pytest.mark.parametrize("session", ["async", "sync"])
def test_readiness_waits_for_the_second_host(
    session: str,
    projects: Projects,
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """The first host accepts connections and sends nothing."""
    tried = next(it for it in DRIVERS if (it.session, it.driver) == (session, "psycopg"))
    name = f"my_api_hosts_{session}"
    direct = database_url(tried, name)
    with_probe(projects[tried], tmp_path, environment, direct)
    with (
        counting(direct.partition(":")[2]) as (proxy, through),
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        account = through.partition("@")[0]
        hosts = f"host=127.0.0.1:{silent.getsockname()[1]}&host=127.0.0.1:{proxy.port}"
        url = f"postgresql+psycopg:{account}@/{own_name(name)}?{hosts}"
        with serving(tmp_path, environment, url) as client:
            assert answers_of_readiness(client) == [503, 503, 200]
            assert proxy.clients == 1
