"""A replica whose connections are lost at once."""

import logging
import time
from threading import Barrier, Thread

import pytest
from sqlalchemy import ExceptionContext, event
from sqlalchemy.exc import DBAPIError

from app.database import connected
from app.database.replica.watch import WatchedReplica
from app.settings import Settings


def test_connections_that_are_lost_at_once_are_one_line_in_the_log(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    at_once = Barrier(3)

    def lose(context: ExceptionContext) -> None:
        context.is_disconnect = True
        at_once.wait(10)

    class Slow(logging.Handler):
        """Takes long enough for the other threads to lose their connections too."""

        def emit(self, record: logging.LogRecord) -> None:
            time.sleep(0.2)

    with connected(settings) as own:
        event.listen(own.reader_engine, "handle_error", lose)
        replica = WatchedReplica(own.reader_engine)

        def read() -> None:
            with pytest.raises(DBAPIError), replica.engine.connect() as connection:
                connection.exec_driver_sql("SELECT no_such_column")

        threads = [Thread(target=read) for _ in range(at_once.parties)]
        slow = Slow()
        logging.getLogger(WatchedReplica.__module__).addHandler(slow)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        logging.getLogger(WatchedReplica.__module__).removeHandler(slow)
    assert caplog.text.count("Readers use the primary") == 1
