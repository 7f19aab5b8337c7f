"""The engines of the service and its session factories."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Engine, create_engine
#% if cookiecutter.database == "sqlite"
from sqlalchemy.orm import sessionmaker

#% else
from sqlalchemy.orm import Session, sessionmaker

#% endif
from app.database.admission import Queue
from app.database.background import BackgroundUnits
#% if cookiecutter.database != "sqlite"
from app.database.capacity import check_capacity
#% endif
from app.database.dialect import READER_OPTIONS
from app.database.engine import engine_options, prepare
#% if cookiecutter.database != "sqlite"
from app.database.ping import renew_together
#% endif
from app.database.probe import Probe
from app.database.read_only import ONLY_READS, refuse_writes
#% if cookiecutter.database != "sqlite"
from app.database.replica.readers import REPLICA, ReaderSession, Replica
from app.database.replica.writes import track_commits
#% endif
from app.database.slots import Slots
from app.database.units import ManagedWriteSession, WriteSession
from app.database.values import convert_value_errors
from app.settings import Settings

# Objects stay readable after the commit, for the response. A closed session cannot be used again.
SESSION_OPTIONS: dict[str, Any] = {"expire_on_commit": False, "close_resets_only": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Database(BackgroundUnits):
    """One per process, created when the app starts, available as `request.state.db`.

    Readers have their own connections, so they do not wait for writers that wait for a lock.
    """

    engine: Engine
    reader_engine: Engine  # in AUTOCOMMIT: a SELECT takes one round trip
    sessions: sessionmaker[WriteSession]
    probe: Probe
    #% if cookiecutter.database != "sqlite"
    replica: Replica | None  # of `DATABASE_REPLICA_URL`; readers use it
    #% endif
    writer_queue: Queue  # requests that may write
    reader_queue: Queue  # requests that only read

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Create the engines and the session factories; connections open on first use."""
        options = engine_options(settings)
        engine = create_engine(
            settings.database_url,
            pool_size=settings.writer_connections + settings.unit_connections,
            max_overflow=1,  # for readiness
            **options,
        )
        reader_engine = create_engine(
            settings.database_url,
            pool_size=settings.reader_connections + settings.reading_connections,
            max_overflow=0,
            **options | READER_OPTIONS,
        )
        engines = [engine, reader_engine]
        #% if cookiecutter.database == "sqlite"
        readers = sessionmaker(reader_engine, execution_options=ONLY_READS, **SESSION_OPTIONS)
        #% else
        replica, reader_class, info = None, Session, None
        if settings.database_replica_url is not None:
            replica = Replica.connect(settings, reader_engine)
            reader_class, info = ReaderSession, {REPLICA: replica}
            track_commits(engine)
            engines.append(replica.engine)
        readers = sessionmaker(
            reader_engine,
            class_=reader_class,
            info=info,
            execution_options=ONLY_READS,
            **SESSION_OPTIONS,
        )
        #% endif
        for each in engines:
            prepare(each)
            convert_value_errors(each)
            refuse_writes(each)
        #% if cookiecutter.database != "sqlite"
        renew_together(*engines[:2])  # those of the primary
        check_capacity(engine, settings)
        #% endif
        return cls(
            engine=engine,
            reader_engine=reader_engine,
            sessions=sessionmaker(engine, class_=WriteSession, **SESSION_OPTIONS),
            managed=sessionmaker(engine, class_=ManagedWriteSession, **SESSION_OPTIONS),
            readers=readers,
            probe=Probe(engine, limit=3 * settings.database_pool_timeout),
            writer_queue=Queue(settings.writer_connections, settings.database_max_waiting),
            reader_queue=Queue(settings.reader_connections, settings.database_max_waiting),
            unit_slots=Slots(settings.unit_connections, settings.database_max_waiting),
            reading_slots=Slots(settings.reading_connections, settings.database_max_waiting),
            hold_limit=settings.database_pool_timeout,
            #% if cookiecutter.database != "sqlite"
            replica=replica,
            #% endif
        )

    def close(self) -> None:
        """Close every pooled connection."""
        self.probe.close()
        #% if cookiecutter.database != "sqlite"
        if self.replica is not None:
            self.replica.close()
        #% endif
        self.engine.dispose()
        self.reader_engine.dispose()


@contextmanager
def connected(settings: Settings) -> Generator[Database]:
    """Open a database, and close it at the end of the block."""
    db = Database.connect(settings)
    try:
        #% if cookiecutter.database != "sqlite"
        if db.replica is not None:
            db.replica.watch()
        #% endif
        yield db
    finally:
        db.close()
