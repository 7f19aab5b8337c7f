"""The rendered app with one change, which the variable CHANGE names.

Copied into a rendered project, in either variant.
"""

import os
from functools import partial

from app.database import sessions
from app.items.router import router
from app.main import app
from fastapi import Depends

CHANGE = os.environ["CHANGE"]
ENGINE = {
    "pre-ping": {"pool_pre_ping": True},
    "no reset": {"pool_reset_on_return": None},
    "no compiled cache": {"query_cache_size": 0},
}
MAKER = "async_sessionmaker" if hasattr(sessions, "async_sessionmaker") else "sessionmaker"

if CHANGE in ENGINE:
    usual = sessions.engine_options
    sessions.engine_options = lambda settings: usual(settings) | ENGINE[CHANGE]
if CHANGE in {"pre-ping", "no ping"}:
    sessions.prepare = lambda _: None
if CHANGE == "no autoflush":
    setattr(sessions, MAKER, partial(getattr(sessions, MAKER), autoflush=False))


def in_a_thread() -> None:
    """Do nothing, in a thread."""


async def on_the_loop() -> None:
    """Do nothing, on the event loop."""


for path, dependency in {"/sync-dependency": in_a_thread, "/async-dependency": on_the_loop}.items():
    app.include_router(router, prefix=path, dependencies=[Depends(dependency)])
