"""The log of an error contains no row values and no local variables."""

import logging
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from io import StringIO

import pytest
import structlog
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from app import logs
from app.database import Database, store_rows
from app.dependencies import SessionDep
from app.settings import Settings
from tests.dialect import DUPLICATE
from tests.guarantees.products import Product

pytestmark = pytest.mark.commits

EMAIL = "zoe@example.com"
HEADER = "Bearer s3cret"
ROW = {"name": EMAIL, "category": "people", "quantity": 1}
Log = Callable[[], str]


@pytest.fixture
def configure() -> Iterator[Callable[[Settings], Log]]:
    """A function that configures logging by some settings, and returns a reader of the log."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level

    def configure(settings: Settings) -> Log:
        stream = StringIO()
        with redirect_stderr(stream):
            logs.configure(settings)
        return stream.getvalue

    yield configure
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**before)


@pytest.fixture(params=["development", "production"])
def log(
    request: pytest.FixtureRequest, settings: Settings, configure: Callable[[Settings], Log]
) -> Log:
    return configure(settings.model_copy(update={"environment": request.param}))


async def duplicate(db: Database) -> DBAPIError:
    """Return a database error whose message quotes a value, on most databases."""

    async def insert_twice() -> None:
        async with db.sessions.begin() as session:
            await session.execute(insert(Product).values(ROW))
            await session.execute(insert(Product).values(ROW))

    with pytest.raises(DBAPIError) as raised:
        await insert_twice()
    return raised.value


@pytest.mark.parametrize(
    "values",
    [{}, {"category": EMAIL + "x" * 101}, {"category": None}, {"quantity": -1}],
    ids=["duplicate", "length", "null", "check"],
)
async def test_a_database_error_is_logged_without_values(
    values: dict[str, object], log: Log, app: FastAPI, client: AsyncClient
) -> None:
    @app.post("/probe")
    async def probe(session: SessionDep) -> None:
        if not values:
            await session.execute(insert(Product).values(ROW))
        await session.execute(insert(Product).values(ROW | values))

    response = await client.post("/probe")
    logged = log()
    if response.is_error:  # not every database limits the length of a text
        assert f"POST /probe returns {response.status_code}" in logged
        assert "INSERT INTO test_products" in logged
    assert EMAIL not in logged


async def test_text_passed_for_a_number_is_not_logged(
    log: Log, app: FastAPI, client: AsyncClient
) -> None:
    @app.post("/probe")
    async def probe(session: SessionDep) -> None:
        statement = (
            "INSERT INTO test_products (name, category, quantity) VALUES ('Lamp', 'light', :value)"
        )
        await session.execute(text(statement), {"value": EMAIL})

    await client.post("/probe")
    assert EMAIL not in log()


async def test_an_error_of_many_rows_is_logged_without_values(log: Log, db: Database) -> None:
    async def store_twice() -> None:
        async with db.sessions.begin() as session:
            await store_rows(session, Product, [ROW, ROW])

    with pytest.raises(DBAPIError) as raised:
        await store_twice()
    logging.getLogger("app").error("It broke", exc_info=raised.value)
    assert EMAIL not in log()


async def test_the_log_line_has_the_error_code_and_the_statement(log: Log, db: Database) -> None:
    logging.getLogger("app").error("It broke: %s", await duplicate(db))
    logged = log()
    assert DUPLICATE in logged
    assert "INSERT INTO test_products" in logged
    assert EMAIL not in logged


async def test_a_traceback_shows_no_values_and_no_local_variables(log: Log, db: Database) -> None:
    error = await duplicate(db)

    def fail(authorization: str, cause: BaseException | None) -> None:
        try:
            raise error
        except DBAPIError:
            raise ValueError(f"a bug of length {len(authorization)}") from cause

    for cause in (error, error.orig, None):
        with pytest.raises(ValueError, match="a bug") as raised:
            fail(HEADER, cause)
        logging.getLogger("app").error("It broke", exc_info=raised.value)
        group = ExceptionGroup("several", [raised.value, error])
        logging.getLogger("app").error("They broke", exc_info=group)
    logged = log()
    assert logged.count("a bug of length 13") == 6
    assert "in fail" in logged
    assert DUPLICATE in logged
    for secret in (EMAIL, HEADER):
        assert secret not in logged


async def test_a_quoted_original_exception_is_logged_without_values(log: Log, db: Database) -> None:
    async def go_on_after_an_error() -> None:
        async with db.sessions() as session:
            session.add_all([Product(**ROW), Product(**ROW)])
            with pytest.raises(DBAPIError):
                await session.flush()
            await session.execute(text("SELECT 1"))

    with pytest.raises(PendingRollbackError, match="Original exception") as raised:
        await go_on_after_an_error()
    logging.getLogger("app").error("It broke: %s", raised.value, exc_info=raised.value)
    logged = log()
    assert "PendingRollbackError" in logged
    assert EMAIL not in logged


async def test_database_echo_shows_values_in_development(
    configure: Callable[[Settings], Log], settings: Settings, db: Database
) -> None:
    log = configure(settings.model_copy(update={"database_echo": True}))
    error = await duplicate(db)
    logging.getLogger("app").error("It broke", exc_info=error)
    assert str(error.orig) in log().replace('\\"', '"')
