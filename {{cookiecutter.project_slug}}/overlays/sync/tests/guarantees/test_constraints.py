"""A constraint that is explained names the field, and says nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import CheckConstraint, MetaData, String, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.database import Base, ConstraintError, Database, explain
from app.dependencies import SessionDep
from tests.guarantees.conftest import created

pytestmark = pytest.mark.commits

TAKEN = "This code is taken."
# A value that quotes the message of a server about another constraint.
HOSTILE = "x' for key 'uq_test_coded_code"


class Own(DeclarativeBase):
    metadata = MetaData(naming_convention=Base.metadata.naming_convention)


class SampleCoded(Own):
    __tablename__ = "test_coded"
    __table_args__ = (CheckConstraint("number > 0", name="positive"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(50), unique=True)
    label: Mapped[str] = mapped_column(String(50), unique=True, index=True)
    other: Mapped[str] = mapped_column(String(50), unique=True)
    number: Mapped[int] = mapped_column(default=1)


explain(SampleCoded, "uq_test_coded_code", field="code", sentence=TAKEN)
explain(SampleCoded, "ix_test_coded_label", field="label", sentence="This label is taken.")
explain(SampleCoded, "ck_test_coded_positive", field="number", sentence="At least one.")

ROW = {"code": "a", "label": "a", "other": "a", "number": 1}


@pytest.fixture
def coded(db: Database) -> Iterator[None]:
    """The table, with a row."""
    with created(db, Own.metadata):
        yield


def refused(app: FastAPI, client: TestClient, *rows: dict[str, Any]) -> dict[str, Any]:
    """Store rows one after the other; return the body of the response."""

    @app.post("/probe")
    def probe(session: SessionDep) -> None:
        for row in rows:
            session.execute(insert(SampleCoded).values(**row))

    response = client.post("/probe")
    body: dict[str, Any] = response.json()
    assert body["status"] == response.status_code
    return body


@pytest.mark.parametrize(
    ("change", "code", "field", "sentence"),
    [
        ({"label": "b", "other": "b"}, 409, "code", TAKEN),
        ({"code": "b", "other": "b"}, 409, "label", "This label is taken."),
        ({"code": "b", "label": "b", "other": "b", "number": 0}, 422, "number", "At least one."),
    ],
    ids=["unique", "unique index", "check"],
)
def test_an_explained_constraint_names_the_field(
    change: dict[str, Any],
    code: int,
    field: str,
    sentence: str,
    app: FastAPI,
    client: TestClient,
    coded: None,
) -> None:
    body = refused(app, client, ROW, ROW | change)
    assert (body["status"], body["detail"]) == (code, sentence)
    assert body["errors"] == [{"loc": ["body", field], "msg": sentence, "type": "constraint"}]


def test_a_constraint_without_an_explanation_gets_the_usual_sentence(
    app: FastAPI, client: TestClient, coded: None
) -> None:
    """A value of the client cannot choose the sentence."""
    row = ROW | {"other": HOSTILE}
    body = refused(app, client, row, row | {"code": "b", "label": "b"})
    assert body["status"] == 409
    assert body["detail"] == "The request conflicts with existing data."
    assert "errors" not in body


def test_a_conflict_that_a_query_finds_gets_the_same_response(
    app: FastAPI, client: TestClient, coded: None
) -> None:
    @app.post("/probe/looked-up")
    def probe(session: SessionDep) -> None:
        raise ConstraintError("uq_test_coded_code")

    response = client.post("/probe/looked-up")
    body = refused(app, client, ROW, ROW | {"label": "b", "other": "b"})
    assert response.json() == body


def test_only_a_constraint_of_the_model_can_be_explained() -> None:
    with pytest.raises(ValueError, match="test_coded has no constraint uq_test_coded_cod: it has"):
        explain(SampleCoded, "uq_test_coded_cod", field="code", sentence=TAKEN)
    with pytest.raises(KeyError):
        ConstraintError("uq_test_coded_other")
