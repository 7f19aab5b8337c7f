"""Tests of products."""

from decimal import Decimal

from httpx2 import AsyncClient

from app.database import Database
from tests.people import LAMP, sign_up, staff


async def test_a_product_is_stored_and_changed_by_one_statement(
    client: AsyncClient, db: Database
) -> None:
    headers = await staff(db)
    created = (await client.put("/products/lamp-1", json=LAMP, headers=headers)).json()
    assert created == created | LAMP | {"sku": "lamp-1"}
    changed = (
        await client.put("/products/lamp-1", json=LAMP | {"stock": 9}, headers=headers)
    ).json()
    assert changed == created | {"stock": 9, "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > created["updated_at"]
    assert Decimal(changed["price"]) == Decimal("19.90")


async def test_only_staff_changes_products(client: AsyncClient) -> None:
    headers = await sign_up(client)
    for response in (
        await client.put("/products/lamp-1", json=LAMP, headers=headers),
        await client.put("/products/lamp-1/photo", files={"photo": b"x"}, headers=headers),
    ):
        assert response.status_code == 403


async def test_an_invalid_product_is_refused(client: AsyncClient, db: Database) -> None:
    headers = await staff(db)
    for change in ({"price": "0.001"}, {"price": "-1"}, {"stock": -1}, {"weight": 0}):
        response = await client.put("/products/lamp-1", json=LAMP | change, headers=headers)
        assert response.status_code == 422, response.text


async def test_a_photo_is_read_back_unchanged(client: AsyncClient, db: Database) -> None:
    headers = await staff(db)
    photo = bytes(range(256)) * 1000
    missing = await client.put("/products/lamp-1/photo", files={"photo": photo}, headers=headers)
    assert missing.status_code == 404
    await client.put("/products/lamp-1", json=LAMP, headers=headers)
    assert (await client.get("/products/lamp-1/photo")).status_code == 404
    stored = await client.put("/products/lamp-1/photo", files={"photo": photo}, headers=headers)
    assert stored.status_code == 204
    assert (await client.get("/products/lamp-1/photo")).content == photo
    changed = await client.put("/products/lamp-1", json=LAMP, headers=headers)
    assert changed.status_code == 200
