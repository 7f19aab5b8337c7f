"""A response is sent after the commit, and an error rolls everything back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from fastapi import BackgroundTasks, FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from httpx2 import AsyncClient
from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database, store_rows
from app.database.managed import ManagedTransactionError
from app.dependencies import ReaderDep, SessionDep
from tests.dialect import FAIL_AT_COMMIT, PAUSE
from tests.guarantees.products import Product

pytestmark = pytest.mark.commits


def lamp() -> Product:
    return Product(name="Lamp", category="light", quantity=1)


async def count_products(db: Database) -> int:
    async with db.readers() as reader:
        return await reader.scalar(select(func.count()).select_from(Product)) or 0


async def test_a_failed_commit_gets_an_error_response(
    app: FastAPI, client: AsyncClient, db: Database
) -> None:
    @app.post("/probe", status_code=201)
    async def probe(session: SessionDep) -> str:
        session.add(lamp())
        await session.flush()
        for statement in FAIL_AT_COMMIT:
            await session.execute(text(statement))
        await asyncio.sleep(PAUSE)
        return "stored"

    response = await client.post("/probe")
    assert response.status_code in {409, 503}
    assert await count_products(db) == 0


@pytest.mark.parametrize(
    ("error", "code"), [(HTTPException(418), 418), (ValueError("a bug"), 500)], ids=["http", "bug"]
)
async def test_any_exception_rolls_back(
    error: Exception, code: int, app: FastAPI, client: AsyncClient, db: Database
) -> None:
    @app.post("/probe")
    async def probe(session: SessionDep) -> None:
        session.add(lamp())
        await session.flush()
        raise error

    response = await client.post("/probe")
    assert response.status_code == code
    assert await count_products(db) == 0


@pytest.mark.parametrize("method", ["commit", "rollback"])
async def test_an_endpoint_cannot_end_the_transaction_of_its_request(
    method: str, app: FastAPI, client: AsyncClient, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise this client would get 409, although the row is stored."""

    @app.post("/probe")
    async def probe(session: SessionDep) -> None:
        session.add(lamp())
        await session.flush()
        await getattr(session, method)()
        raise HTTPException(409)

    response = await client.post("/probe")
    assert response.status_code == 500
    assert await count_products(db) == 0
    assert f"{method}() is not allowed here" in caplog.text


@pytest.mark.parametrize("method", ["commit", "rollback"])
async def test_a_function_cannot_end_the_transaction_of_its_unit_of_work(
    method: str, db: Database
) -> None:
    async def work(session: AsyncSession) -> None:
        session.add(lamp())
        await session.flush()
        with pytest.raises(ManagedTransactionError):
            await getattr(session, method)()

    await db.run(work)
    assert await count_products(db) == 1


@pytest.mark.parametrize("way", ["close", "commit", "rollback"])
async def test_a_transaction_that_was_ended_early_gets_500(
    way: str, app: FastAPI, client: AsyncClient, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    @app.post("/probe", status_code=201)
    async def probe(session: SessionDep) -> None:
        session.add(lamp())
        await session.flush()
        transaction = session.get_transaction()
        assert transaction is not None
        if way == "close":
            await session.close()
        elif way == "commit":
            await transaction.commit()
        else:
            await transaction.rollback()

    response = await client.post("/probe")
    assert response.status_code == 500
    assert "did not begin this transaction ended it" in caplog.text
    assert await count_products(db) == (1 if way == "commit" else 0)


async def test_a_failed_flush_cannot_be_ignored(
    app: FastAPI, client: AsyncClient, db: Database
) -> None:
    @app.post("/probe", status_code=201)
    async def probe(session: SessionDep) -> None:
        session.add(lamp())
        await session.flush()
        session.add(lamp())
        with suppress(IntegrityError):
            await session.flush()

    response = await client.post("/probe")
    assert response.status_code == 500
    assert await count_products(db) == 0


@pytest.mark.parametrize("bulk", [False, True], ids=["insert", "store_rows"])
async def test_a_failed_statement_cannot_be_ignored(
    app: FastAPI, client: AsyncClient, db: Database, *, bulk: bool
) -> None:
    """A server may run the COMMIT as a ROLLBACK; elsewhere the first row is stored."""
    row = {"name": "Lamp", "category": "light", "quantity": 1}

    @app.post("/probe", status_code=201)
    async def probe(session: SessionDep) -> None:
        await session.execute(insert(Product).values(row))
        with suppress(DBAPIError):
            if bulk:
                await store_rows(session, Product, [row])
            else:
                await session.execute(insert(Product).values(row))

    response = await client.post("/probe")
    assert response.status_code in {201, 500}
    assert await count_products(db) == (1 if response.status_code == 201 else 0)


async def test_a_savepoint_may_be_committed_or_rolled_back(
    app: FastAPI, client: AsyncClient, db: Database
) -> None:
    @app.post("/probe")
    async def probe(session: SessionDep) -> None:
        kept = await session.begin_nested()
        session.add(lamp())
        await kept.commit()
        undone = await session.begin_nested()
        session.add(Product(name="Another lamp", category="light", quantity=1))
        await session.flush()
        await undone.rollback()

    response = await client.post("/probe")
    assert response.status_code == 200
    assert await count_products(db) == 1


async def test_an_error_in_a_savepoint_keeps_the_rest_of_the_transaction(
    app: FastAPI, client: AsyncClient, db: Database
) -> None:
    @app.post("/probe")
    async def probe(session: SessionDep) -> str:
        session.add(lamp())
        await session.flush()
        try:
            async with session.begin_nested():
                session.add(lamp())
        except IntegrityError:
            session.add(Product(name="Another lamp", category="light", quantity=1))
        return "stored"

    response = await client.post("/probe")
    assert response.json() == "stored"
    assert await count_products(db) == 2


async def test_writes_to_several_tables_are_atomic(
    app: FastAPI, client: AsyncClient, db: Database, notes: Table
) -> None:
    @app.post("/probe")
    async def probe(session: SessionDep) -> None:
        product = lamp()
        session.add(product)
        await session.flush()
        await session.execute(insert(notes).values(product_id=product.id))
        await session.execute(insert(notes).values(product_id=product.id + 1))

    response = await client.post("/probe")
    assert response.status_code == 409
    assert await count_products(db) == 0
    async with db.readers() as reader:
        assert await reader.scalar(select(func.count()).select_from(notes)) == 0


async def test_a_response_that_fails_validation_rolls_back(
    app: FastAPI, client: AsyncClient, db: Database
) -> None:
    @app.post("/probe", response_model=int)
    async def probe(session: SessionDep) -> str:
        session.add(lamp())
        await session.flush()
        return "no integer"

    response = await client.post("/probe")
    assert response.status_code == 500
    assert await count_products(db) == 0


@pytest.mark.parametrize("fails", [False, True], ids=["stored", "rolled back"])
async def test_a_reader_and_a_session_of_one_request_share_a_transaction(
    app: FastAPI, client: AsyncClient, db: Database, *, fails: bool
) -> None:
    """The reader may be resolved first; then its dependency ends the transaction."""

    @app.post("/probe")
    async def probe(reader: ReaderDep, session: SessionDep) -> int | None:
        session.add(lamp())
        found = await reader.scalar(select(func.count()).select_from(Product))
        if fails:
            raise HTTPException(418)
        return found

    response = await client.post("/probe")
    assert response.status_code == (418 if fails else 200)
    assert fails or response.json() == 1
    assert await count_products(db) == (0 if fails else 1)


async def test_a_background_task_sees_the_committed_row(
    app: FastAPI, client: AsyncClient, db: Database
) -> None:
    seen: list[int] = []

    async def count_later(db: Database) -> None:
        seen.append(await count_products(db))

    @app.post("/probe")
    async def probe(request: Request, session: SessionDep, tasks: BackgroundTasks) -> None:
        session.add(lamp())
        tasks.add_task(count_later, request.state.db)

    await client.post("/probe")
    assert seen == [1]


async def test_a_stream_cannot_reopen_the_session_of_its_request(
    app: FastAPI, client: AsyncClient, db: Database
) -> None:
    errors: list[str] = []

    @app.get("/probe")
    async def probe(session: SessionDep) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            try:
                yield str(await session.scalar(select(1)))
            except Exception as error:  # noqa: BLE001
                errors.append(str(error))

        return StreamingResponse(lines())

    await client.get("/probe")
    assert "closed" in errors[0]
    assert db.engine.pool.status().endswith("Current Checked out connections: 0")
