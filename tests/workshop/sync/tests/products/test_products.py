"""Tests of products."""

from decimal import Decimal

from fastapi.testclient import TestClient

from app.database import Database
from tests.people import LAMP, sign_up, staff


def test_a_product_is_stored_and_changed_by_one_statement(client: TestClient, db: Database) -> None:
    headers = staff(db)
    created = (client.put("/products/lamp-1", json=LAMP, headers=headers)).json()
    assert created == created | LAMP | {"sku": "lamp-1"}
    changed = (client.put("/products/lamp-1", json=LAMP | {"stock": 9}, headers=headers)).json()
    assert changed == created | {"stock": 9, "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > created["updated_at"]
    assert Decimal(changed["price"]) == Decimal("19.90")


def test_only_staff_changes_products(client: TestClient) -> None:
    headers = sign_up(client)
    for response in (
        client.put("/products/lamp-1", json=LAMP, headers=headers),
        client.put("/products/lamp-1/photo", files={"photo": b"x"}, headers=headers),
    ):
        assert response.status_code == 403


def test_an_invalid_product_is_refused(client: TestClient, db: Database) -> None:
    headers = staff(db)
    for change in ({"price": "0.001"}, {"price": "-1"}, {"stock": -1}, {"weight": 0}):
        response = client.put("/products/lamp-1", json=LAMP | change, headers=headers)
        assert response.status_code == 422, response.text


def test_a_photo_is_read_back_unchanged(client: TestClient, db: Database) -> None:
    headers = staff(db)
    photo = bytes(range(256)) * 1000
    missing = client.put("/products/lamp-1/photo", files={"photo": photo}, headers=headers)
    assert missing.status_code == 404
    client.put("/products/lamp-1", json=LAMP, headers=headers)
    assert (client.get("/products/lamp-1/photo")).status_code == 404
    stored = client.put("/products/lamp-1/photo", files={"photo": photo}, headers=headers)
    assert stored.status_code == 204
    assert (client.get("/products/lamp-1/photo")).content == photo
    changed = client.put("/products/lamp-1", json=LAMP, headers=headers)
    assert changed.status_code == 200
