"""A value means the same on every database, and server-generated values can be read."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import JSON, Computed, MetaData, Numeric, String, func, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Database, Timestamped, connected, store_rows
from app.database.dialect import NOW
from app.database.errors import Kind, kind_of
from app.dependencies import ReaderDep, SessionDep
from app.settings import Settings
from tests.dialect import OTHERWISE, SAID
from tests.guarantees.conftest import created

pytestmark = pytest.mark.commits


class SampleColor(Enum):
    RED = "a red one"
    BLUE = "a blue one"


class Own(Base):
    __abstract__ = True
    metadata = MetaData()


class SampleValue(Own):
    """A column of every type."""

    __tablename__ = "test_values"

    id: Mapped[int] = mapped_column(primary_key=True)
    moment: Mapped[datetime | None]
    day: Mapped[date | None]
    hour: Mapped[time | None]
    pause: Mapped[timedelta | None]
    amount: Mapped[Decimal | None] = mapped_column(Numeric(15, 2))
    digits: Mapped[Decimal | None] = mapped_column(Numeric(30, 10))
    ratio: Mapped[float | None]
    flag: Mapped[bool | None]
    key: Mapped[UUID | None]
    color: Mapped[SampleColor | None]
    extra: Mapped[Any | None] = mapped_column(JSON)
    blob: Mapped[bytes | None]


class SampleTask(Timestamped, Own):
    """Columns with server-side or Python-side defaults."""

    __tablename__ = "test_tasks"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    due: Mapped[datetime] = mapped_column(server_default=NOW)
    state: Mapped[str] = mapped_column(String(50), server_default="new")
    hours: Mapped[int] = mapped_column(default=1)
    minutes: Mapped[int] = mapped_column(Computed("hours * 60", persisted=True))
    changes: Mapped[int] = mapped_column(server_default="0", onupdate=text("changes + 1"))
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # replaces the `__mapper_args__` of a base class


def without_zone(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("a time without a time zone, please")
    return value


class TaskCreate(BaseModel):
    name: str
    due: AwareDatetime
    hour: Annotated[time, AfterValidator(without_zone)] | None = None


class TaskRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    due: datetime
    state: str
    minutes: int
    changes: int
    created_at: datetime
    updated_at: datetime


EAST = timezone(timedelta(hours=2))

# The column, the given value, and the value that is read back: `...` is the given one.
CASES: dict[str, tuple[str, Any, Any]] = {
    "a moment in UTC": ("moment", datetime(2026, 12, 1, 8, 0, 0, 123456, UTC), ...),
    "a moment elsewhere": (
        "moment",
        datetime(2026, 12, 1, 10, tzinfo=EAST),
        datetime(2026, 12, 1, 8, tzinfo=UTC),
    ),
    "the first moment": ("moment", datetime.min.replace(tzinfo=UTC), ...),
    "the last moment": ("moment", datetime.max.replace(tzinfo=UTC), ...),
    "a moment that UTC has not": ("moment", datetime.min.replace(tzinfo=EAST), 422),
    "the first day": ("day", date.min, ...),
    "the last day": ("day", date.max, ...),
    "the last time of a day": ("hour", time.max, ...),
    "an interval": ("pause", timedelta(days=400, seconds=2, microseconds=3), ...),
    "a negative interval": ("pause", timedelta(days=-2, microseconds=1), ...),
    "a very long interval": ("pause", timedelta(days=999_999_999), ...),
    "a decimal": ("amount", Decimal("1234567890123.40"), ...),
    "a decimal of 30 digits": ("digits", Decimal("12345678901234567890.0123456789"), ...),
    "a decimal with more places": ("amount", Decimal("1.005"), Decimal("1.01")),
    "a decimal with more digits": ("amount", Decimal("12345678901234.00"), 422),
    "a float": ("ratio", 1 / 3, ...),
    "a large float": ("ratio", 1.7e308, ...),
    "infinity": ("ratio", float("inf"), ...),
    "a bool": ("flag", True, ...),
    "a UUID": ("key", UUID(int=2**127 + 1), ...),
    "an Enum": ("color", SampleColor.BLUE, ...),
    "JSON": ("extra", {"a": {}, "b": [1, 0.1, None, True, "é 🚀 \\ \t"]}, ...),
    "the order of JSON": ("extra", {"last": 1, "first": 2, "a": 3}, ...),
    "JSON of one text": ("extra", "text", ...),
    "JSON null": ("extra", JSON.NULL, None),
    "a large integer in JSON": ("extra", {"large": 2**70}, ...),
    "NaN in JSON": ("extra", {"none": float("nan")}, 422),
    "bytes": ("blob", bytes(range(256)), ...),
    "no bytes": ("blob", b"", ...),
    "65,536 bytes": ("blob", bytes(65536), ...),
}


@pytest.fixture
def tables(db: Database) -> Iterator[None]:
    with created(db, Own.metadata):
        yield


@pytest.mark.parametrize("case", CASES)
def test_a_value_is_read_back_as_documented(case: str, db: Database, tables: None) -> None:
    name, given, expected = CASES[case]
    expected = OTHERWISE.get(case, given if expected is ... else expected)

    def add() -> None:
        with db.sessions.begin() as session:
            session.add(SampleValue(**{name: given}))

    def store() -> None:
        with db.sessions.begin() as session:
            store_rows(session, SampleValue, [{name: given}])

    for write in (add, store):
        if expected == 422:
            with pytest.raises(SQLAlchemyError) as refusal:
                write()
            assert kind_of(refusal.value) is Kind.UNPROCESSABLE
        else:
            write()
    with db.readers() as reader:
        found = (reader.scalars(select(getattr(SampleValue, name)))).all()
    if expected != 422:
        assert len(found) == 2
    for it in found:
        assert repr(it) == repr(expected)


def test_a_sum_of_intervals_is_an_interval(db: Database, tables: None) -> None:
    with db.sessions.begin() as session:
        pause = timedelta(days=1, microseconds=1)
        store_rows(session, SampleValue, [{"pause": pause}, {"pause": -3 * pause}])
        assert session.scalar(select(func.sum(SampleValue.pause))) == -2 * pause


@pytest.mark.parametrize(
    "wrong",
    [
        {"moment": datetime(2026, 12, 1, 10)},  # noqa: DTZ001  # refused
        {"moment": date(2026, 12, 1)},
        {"hour": time(10, tzinfo=UTC)},
    ],
    ids=["naive", "a date", "a time with a time zone"],
)
def test_an_ambiguous_value_is_refused_with_the_name_of_its_column(
    wrong: dict[str, Any], db: Database, tables: None
) -> None:
    [(name, value)] = wrong.items()
    named = re.escape(f"test_values.{name} takes a ")
    with db.sessions() as session:
        session.add(SampleValue(**wrong))
        with pytest.raises(StatementError, match=named):
            session.flush()
        session.rollback()
        with pytest.raises(StatementError, match=named):
            store_rows(session, SampleValue, [wrong])
        session.rollback()
        with pytest.raises(StatementError, match=named):
            session.execute(select(SampleValue).where(getattr(SampleValue, name) < value))


def test_datetimes_are_compared_and_returned_in_utc(db: Database, tables: None) -> None:
    moment = datetime(2026, 12, 1, 10, tzinfo=EAST)
    with db.sessions.begin() as session:
        session.execute(insert(SampleValue), [{"moment": moment}])
        session.execute(update(SampleValue).values(moment=SampleValue.moment))
        later = select(SampleValue).where(SampleValue.moment > moment - timedelta(microseconds=1))
        found = (session.scalars(later)).one()
        assert repr(found.moment) == repr(moment.astimezone(UTC))
        assert (session.scalars(later.where(SampleValue.moment < NOW))).all() == []
        last = session.scalar(select(func.max(SampleValue.moment)))
    assert repr(last) == repr(moment.astimezone(UTC))


@pytest.mark.parametrize("said", [{}, SAID], ids=["UTC", "what the URL says"])
def test_generated_datetimes_are_in_utc(
    said: dict[str, str], settings: Settings, db: Database, tables: None
) -> None:
    url = settings.database_url.update_query_dict(said)
    told = settings.model_copy(update={"database_url": url})
    with connected(told) as second:
        start = datetime.now(UTC)
        with second.sessions.begin() as session:
            task = SampleTask(name="Wash up")
            session.add(task)
            session.flush()
            session.execute(
                text("INSERT INTO test_tasks (name, hours, version) VALUES ('Dry', 1, 1)")
            )
        end = datetime.now(UTC)
        with second.readers() as reader:
            tasks = (reader.scalars(select(SampleTask))).all()
    moments = [it for row in tasks for it in (row.due, row.created_at, row.updated_at)]
    assert len(moments) == 6
    assert {it.tzinfo for it in moments} == {UTC}
    assert all(start - timedelta(seconds=5) < it < end + timedelta(seconds=5) for it in moments)
    assert any(it.microsecond for it in moments)


def test_server_generated_values_can_be_read_after_the_flush(
    app: FastAPI, client: TestClient, db: Database, tables: None
) -> None:
    @app.post("/test-tasks", status_code=201)
    def create(session: SessionDep, data: TaskCreate) -> TaskRead:
        task = SampleTask(name=data.name, due=data.due)
        session.add(task)
        session.flush()
        return TaskRead.model_validate(task)

    @app.patch("/test-tasks/{key}")
    def change(session: SessionDep, key: int, hours: int) -> TaskRead:
        task = session.get_one(SampleTask, key)
        task.hours = hours
        session.flush()
        return TaskRead.model_validate(task)

    @app.get("/test-tasks/{key}")
    def get(reader: ReaderDep, key: int) -> TaskRead:
        return TaskRead.model_validate(reader.get_one(SampleTask, key))

    wish = {"name": "Wash up", "due": "2026-12-01T10:00:00.000001+02:00"}
    response = client.post("/test-tasks", json=wish)
    assert response.status_code == 201, response.text
    made = response.json()
    path = f"/test-tasks/{made['id']}"
    assert (made["due"], made["state"]) == ("2026-12-01T08:00:00.000001Z", "new")
    assert (made["minutes"], made["changes"]) == (60, 0)
    assert (client.get(path)).json() == made

    response = client.patch(path, params={"hours": 3})
    assert response.status_code == 200, response.text
    changed = response.json()
    assert (changed["minutes"], changed["changes"]) == (180, 1)
    assert changed["created_at"] == made["created_at"]
    assert changed["updated_at"] > made["updated_at"]
    assert (client.get(path)).json() == changed


@pytest.mark.parametrize(
    "wrong",
    [{"due": "2026-12-01T10:00:00"}, {"due": "2026-12-01"}, {"hour": "10:00:00Z"}],
    ids=["naive", "a date", "a time with a time zone"],
)
def test_a_client_gets_422_for_an_ambiguous_value(
    wrong: dict[str, str], app: FastAPI, client: TestClient
) -> None:
    @app.post("/test-tasks")
    def create(data: TaskCreate) -> None: ...

    wish = {"name": "Wash up", "due": "2026-12-01T10:00:00Z", **wrong}
    assert (client.post("/test-tasks", json=wish)).status_code == 422


def test_many_rows_get_the_defaults_of_their_model(db: Database, tables: None) -> None:
    start = datetime.now(UTC)
    with db.sessions.begin() as session:
        store_rows(session, SampleTask, [{"name": "One"}, {"name": "Two"}])
    with db.readers() as reader:
        tasks = (reader.scalars(select(SampleTask))).all()
    for task in tasks:
        assert start <= task.created_at <= task.updated_at <= datetime.now(UTC)
        assert task.due > start - timedelta(seconds=5)
        assert (task.state, task.minutes, task.changes, task.version) == ("new", 60, 0, 1)
