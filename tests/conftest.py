"""Fixtures: rendered projects, an environment to run them in, and real servers."""

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

# The everyday run uses these where one driver for each database is enough, in both variants.
ONE_OF_EACH = ("aiosqlite", "psycopg2", "mysql+asyncmy", "mariadb+pymysql")
# The everyday run tests these projects after the example was deleted.
WITHOUT_EXAMPLE = ("mysql+aiomysql", "mysql+mysqldb")
# Most of their tests run the whole test suite of a project, and take a minute or two.
LONGEST = ("test_workshop", "test_projects", "test_example", "test_ci", "test_new_domain")
PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full",
        action="store_true",
        help="install all combinations on their own, and run them on every Python, not a covering set",
    )
    parser.addoption(
        "--rewrite",
        action="store_true",
        help="write the example domain of the template as `poe new-domain` writes it",
    )


def pytest_xdist_auto_num_workers() -> int:
    """Use one more worker than there are processors: tests often wait for a server."""
    return (os.cpu_count() or 1) + 1


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize `combination` with the covering array, and `installed` with separate installs."""
    full = metafunc.config.getoption("full")
    if "combination" in metafunc.fixturenames:
        metafunc.parametrize("combination", COMBINATIONS, ids=str, scope="session")
    if "installed" in metafunc.fixturenames:
        some = DRIVERS if full else [it for it in INSTALLED if named(it, "mysql", "asyncpg")]
        metafunc.parametrize("installed", some, ids=str)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests marked `full` in the everyday run, and begin with the longest.

    At the end, one worker would run them while the others have nothing left to do.
    """
    items.sort(key=lambda item: item.path.stem not in LONGEST)
    if not config.getoption("full"):
        left_out = [item for item in items if item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def named(combination: Combination, *drivers: str) -> bool:
    """Tell whether a driver is named: `mysql` names all its drivers, `mysql+asyncmy` one."""
    it = combination
    return bool({it.driver, it.database, f"{it.database}+{it.driver}"} & {*drivers})


def everyday(among: list[Combination], *drivers: str) -> list[Combination | ParameterSet]:
    """Mark all combinations `full` that are not named."""
    return [it if named(it, *drivers) else pytest.param(it, marks=pytest.mark.full) for it in among]


@pytest.fixture
def bake(cookies: Cookies) -> Callable[..., Result]:
    """Render with some answers; fail for a key without a question, which would be ignored."""

    def bake(**answers: str) -> Result:
        assert answers.keys() <= QUESTIONS.keys(), answers
        return cookies.bake(extra_context=answers)

    return bake


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An empty folder, so deep that `..` stays inside the test's folder."""
    folder = tmp_path / "home" / "output"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def projects(cookies_session: Cookies) -> dict[Combination, Path]:
    """Every combination, rendered once; tests must not change them."""
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


def settings_of(project: Path) -> str:
    """Return the source of a project's settings."""
    return "".join((project / f"app/settings/{it}.py").read_text() for it in ("pools", "__init__"))


def installable(combination: Combination) -> bool:
    """Tell whether the driver can be installed: mysqlclient needs client headers."""
    finders = ("mysql_config", "mariadb_config")
    return combination.driver != "mysqldb" or any(map(shutil.which, finders))


def skip_unless_installable(combination: Combination) -> None:
    """Skip a test if the headers are missing, and name the package that has them."""
    if not installable(combination):
        pytest.skip("mysqlclient has no wheel here: install libmariadb-dev, pkg-config and gcc")


@pytest.fixture(scope="session")
def environment(
    request: pytest.FixtureRequest,
    projects: dict[Combination, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder with `python` and tools, and the requirements of all combinations installed."""
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
    """The part of a URL after `postgresql+driver:`; POSTGRESQL_URL overrides it."""
    if url := os.environ.get("POSTGRESQL_URL"):
        yield url.partition(":")[2]
        return
    with postgresql_server() as server:
        yield server.address


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """The part of a URL after `mariadb+driver:`; MARIADB_URL overrides it."""
    if url := os.environ.get("MARIADB_URL"):
        yield url.partition(":")[2]
        return
    with mariadb_server() as server:
        yield server.address


@pytest.fixture(scope="session")
def mysql() -> Iterator[str]:
    """The part of a URL after `mysql+driver:`; MYSQL_URL overrides it."""
    if url := os.environ.get("MYSQL_URL"):
        yield url.partition(":")[2]
        return
    with mysql_server() as server:
        yield server.address


@pytest.fixture
def database_url(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[Combination, str], str]:
    """A function that returns the URL of a database for a combination, on a real server."""

    def url(combination: Combination, name: str) -> str:
        skip_unless_installable(combination)
        scheme = f"{combination.database}+{combination.driver}"
        if combination.database == "sqlite":
            return f"{scheme}:///{tmp_path / name}.db"
        address = request.getfixturevalue(combination.database)
        if combination.database == "mysql":
            flush_logins(address)  # without this, a login could use a cached one
        return on(f"{scheme}:{address}", own_name(name))

    return url


def own_name(name: str) -> str:
    """Return a name for a database of this worker: all workers may share one server."""
    return f"{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


def on(url: str, name: str) -> str:
    """Put another database into a URL, and keep its query."""
    address, mark, query = url.partition("?")
    return f"{address.rpartition('/')[0]}/{name}{mark}{query}"
