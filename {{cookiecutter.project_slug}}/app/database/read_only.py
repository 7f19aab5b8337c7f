"""Sessions that only read."""

from typing import Any

from sqlalchemy import CompoundSelect, Engine, Select, UpdateBase, event
from sqlalchemy.engine.interfaces import ExecutionContext
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.sql.compiler import SQLCompiler

from app.database.dialect import prepare_stream

# Of the readers' session factory: so a reader refuses to write on whatever it is bound to.
ONLY_READS = {"only_reads": True}


class ReadOnlyError(InvalidRequestError):
    """A write was tried in a session that only reads."""


def refuse_writes(engine: Engine) -> None:
    """Let readers on `engine` run `select()` and nothing else: a write is refused before it is sent.

    `text()` is rejected because it may write; `exec_driver_sql()` alone is let through.
    What is asked here was found out when the statement was compiled: to walk through it
    once more would cost every read.
    """

    @event.listens_for(engine, "before_cursor_execute", named=True)
    def refuse(context: ExecutionContext, **_: Any) -> None:
        if "only_reads" not in context.execution_options:
            return
        compiled = context.compiled
        if compiled is not None and not (
            isinstance(compiled, SQLCompiler)
            and isinstance(compiled.statement, Select | CompoundSelect)
            and not any(isinstance(it.element, UpdateBase) for it in compiled.ctes or ())
        ):
            raise ReadOnlyError(
                "This session only runs select(): take SessionDep or db.unit() to write."
            )
        if context.execution_options.get("stream_results"):  # `yield_per` asks for them too
            prepare_stream(context)
