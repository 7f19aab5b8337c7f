"""Tests of shipping labels."""

from fastapi.testclient import TestClient
from sqlalchemy import select

from app.database import Database
from app.orders.models import Task
from tests.people import fill_shop, order, sign_up


def test_a_label_is_a_task(client: TestClient, db: Database) -> None:
    fill_shop(client, db)
    headers = sign_up(client)
    created = order(client, headers)
    response = client.post(f"/orders/{created['id']}/label", headers=headers)
    assert response.json() == {"label": f"label {created['id']}"}
    with db.reading() as reader:
        texts = reader.scalars(select(Task.text).order_by(Task.id))
        assert texts.all() == ["Pack it", f"Print label {created['id']}"]


def test_an_order_of_another_user_has_no_label(client: TestClient, db: Database) -> None:
    fill_shop(client, db)
    created = order(client, sign_up(client))
    path = f"/orders/{created['id']}/label"
    response = client.post(path, headers=sign_up(client, "bob@example.com"))
    assert response.status_code == 404
