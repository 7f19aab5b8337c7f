"""Read-only sessions."""

from typing import Any

from sqlalchemy import CompoundSelect, Engine, Select, TextualSelect, UpdateBase, event
from sqlalchemy.engine.interfaces import ExecutionContext
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.sql.compiler import SQLCompiler

from app.database.dialect import prepare_stream

# Set by the session factory of readers, so that a reader is read-only on any engine or connection.
ONLY_READS = {"only_reads": True}


class ReadOnlyError(InvalidRequestError):
    """A read-only session tried to write."""


def refuse_writes(engine: Engine) -> None:
    """Let readers on `engine` run only `select()`: a write is rejected before it is sent.

    `text()` is rejected because it may write, and `with_for_update()` because its lock would end
    with the statement; `exec_driver_sql()` is not checked. The check uses the compiled statement:
    traversing the statement again would slow down every read.
    """

    @event.listens_for(engine, "before_cursor_execute", named=True)
    def refuse(context: ExecutionContext, **_: Any) -> None:
        if "only_reads" not in context.execution_options:
            return
        compiled = context.compiled
        if compiled is not None and not (
            isinstance(compiled, SQLCompiler)
            and isinstance(compiled.statement, Select | CompoundSelect)
            and compiled.statement._for_update_arg is None  # noqa: SLF001  # it has no other name
            and not any(
                isinstance(it.element, UpdateBase | TextualSelect) for it in compiled.ctes or ()
            )
        ):
            raise ReadOnlyError(
                "This session only runs select(): take SessionDep or db.unit() to write."
            )
        if context.execution_options.get("stream_results"):  # `yield_per` sets it too
            prepare_stream(context)
