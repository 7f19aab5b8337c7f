"""A replica whose connections are lost at once."""

import asyncio

import pytest
from sqlalchemy import ExceptionContext, event
from sqlalchemy.exc import DBAPIError

from app.database import connected
from app.database.replica.watch import WatchedReplica
from app.settings import Settings


async def test_connections_that_are_lost_at_once_are_one_line_in_the_log(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    def lose(context: ExceptionContext) -> None:
        context.is_disconnect = True

    async with connected(settings) as own:
        event.listen(own.reader_engine.dialect, "handle_error", lose)
        replica = WatchedReplica(own.reader_engine)

        async def read() -> None:
            with pytest.raises(DBAPIError):
                async with replica.async_engine.connect() as connection:
                    await connection.exec_driver_sql("SELECT no_such_column")

        await asyncio.gather(*(read() for _ in range(3)))
    assert caplog.text.count("Readers use the primary") == 1
