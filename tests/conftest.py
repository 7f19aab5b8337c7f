"""Fixtures: rendered projects, an environment to run them in, real servers to run them on."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from pytest_cookies.plugin import Cookies, Result

from combinations import COMBINATIONS, DRIVERS, INSTALLED, QUESTIONS, Combination
from processes import find_python, install
from servers import flush_logins, mariadb_server, mysql_server, postgresql_server

# What the everyday run takes where one driver for each database shows enough, in both variants.
ONE_OF_EACH = ("aiosqlite", "psycopg2", "mysql+asyncmy", "mariadb+pymysql")
# The everyday run takes the tests of these projects after the example was deleted.
WITHOUT_EXAMPLE = ("mysql+aiomysql", "mysql+mysqldb")
PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full",
        action="store_true",
        help="install all combinations on their own, and run them on every Python, not a covering set",
    )


def pytest_xdist_auto_num_workers() -> int:
    """Have one more than there are processors: much of the time, a test waits for a server."""
    return (os.cpu_count() or 1) + 1


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `combination` the covering array, and `installed` what is installed on its own."""
    full = metafunc.config.getoption("full")
    if "combination" in metafunc.fixturenames:
        metafunc.parametrize("combination", COMBINATIONS, ids=str, scope="session")
    if "installed" in metafunc.fixturenames:
        some = DRIVERS if full else [it for it in INSTALLED if named(it, "mysql", "asyncpg")]
        metafunc.parametrize("installed", some, ids=str)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what only the full run does out of the everyday one."""
    if not config.getoption("full"):
        left_out = [item for item in items if item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def named(combination: Combination, *drivers: str) -> bool:
    """Tell whether a driver is among some; `mysql` is all its drivers, `mysql+asyncmy` one of them."""
    it = combination
    return bool({it.driver, it.database, f"{it.database}+{it.driver}"} & {*drivers})


def everyday(among: list[Combination], *drivers: str) -> list[Combination | ParameterSet]:
    """Leave the others to the full run."""
    return [it if named(it, *drivers) else pytest.param(it, marks=pytest.mark.full) for it in among]


@pytest.fixture
def bake(cookies: Cookies) -> Callable[..., Result]:
    """Render with some answers; a key that is no question would be silently ignored."""

    def bake(**answers: str) -> Result:
        assert answers.keys() <= QUESTIONS.keys(), answers
        return cookies.bake(extra_context=answers)

    return bake


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An empty folder, deep enough that `..` stays within what the test owns."""
    folder = tmp_path / "home" / "output"
    folder.mkdir(parents=True)
    return folder


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


@pytest.fixture(scope="session")
def environment(
    request: pytest.FixtureRequest,
    projects: dict[Combination, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """An environment that holds what all combinations ask for: `python` and tools in one folder."""
    version = getattr(request, "param", sys.executable)
    python = find_python(version)
    if python is None:
        pytest.skip(
            f"uv can neither find nor download Python {version}: on Debian, .ci/pythons fetches"
            " 3.14 and 3.15"
        )
    files = [path / "pyproject.toml" for it, path in projects.items() if installable(it)]
    return install(tmp_path_factory.mktemp("environment") / "venv", python, files)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The part of a URL behind `postgresql+driver:`; an address in POSTGRESQL_URL wins."""
    if url := os.environ.get("POSTGRESQL_URL"):
        yield url.partition(":")[2]
        return
    with postgresql_server() as server:
        yield server.address


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """The part of a URL behind `mariadb+driver:`; an address in MARIADB_URL wins."""
    if url := os.environ.get("MARIADB_URL"):
        yield url.partition(":")[2]
        return
    with mariadb_server() as server:
        yield server.address


@pytest.fixture(scope="session")
def mysql() -> Iterator[str]:
    """The part of a URL behind `mysql+driver:`; an address in MYSQL_URL wins."""
    if url := os.environ.get("MYSQL_URL"):
        yield url.partition(":")[2]
        return
    with mysql_server() as server:
        yield server.address


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
        address = request.getfixturevalue(combination.database)
        if combination.database == "mysql":
            flush_logins(address)  # or a driver could log in only because another one did
        return on(f"{scheme}:{address}", own_name(name))

    return url


def own_name(name: str) -> str:
    """Name a database for this worker alone: a server at a given address serves all of them."""
    return f"{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


def on(url: str, name: str) -> str:
    """Put another database into a URL; what stands behind a `?` stays there."""
    address, mark, query = url.partition("?")
    return f"{address.rpartition('/')[0]}/{name}{mark}{query}"
