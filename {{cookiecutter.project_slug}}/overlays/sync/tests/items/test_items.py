"""What clients of the items API can rely on."""

from typing import Any

from fastapi.testclient import TestClient

from app.database import Database
from app.items.models import Item
from tests.factories import store
from tests.items.factories import ItemFactory

ITEM: dict[str, Any] = {
    "name": "First name",
    "category": "First category",
    "quantity": 3,
}
OTHER: dict[str, Any] = {
    "name": "Second name",
    "category": "Second category",
    "quantity": 5,
}
UNIQUE = ["name"]
FILTERS = ["category"]
INVALID: list[tuple[str, Any]] = [
    ("name", ""),
    ("name", "x" * 101),
    ("name", "a\0b"),
    ("name", None),
    ("category", ""),
    ("category", "x" * 51),
    ("category", "a\0b"),
    ("category", None),
    ("quantity", -1),
    ("quantity", 2**31),
    ("quantity", True),
    ("quantity", "1"),
    ("quantity", 1.5),
    ("quantity", None),
    ("unknown", 1),
]


def test_a_created_item_can_be_read(client: TestClient) -> None:
    created = client.post("/items", json=ITEM)
    assert created.status_code == 201
    found = client.get(f"/items/{created.json()['id']}")
    assert found.status_code == 200
    assert found.json() == created.json() == ITEM | {"id": created.json()["id"]}
    listed = client.get("/items")
    assert listed.json()["items"] == [found.json()]


def test_an_unknown_item_is_not_found(client: TestClient) -> None:
    for response in (
        client.get("/items/404"),
        client.patch("/items/404", json={}),
        client.delete("/items/404"),
    ):
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"


def test_an_update_changes_only_what_was_sent(client: TestClient) -> None:
    created = client.post("/items", json=ITEM)
    url, expected = f"/items/{created.json()['id']}", created.json()
    for field, value in OTHER.items():
        updated = client.patch(url, json={field: value})
        expected[field] = value
        assert updated.json() == expected
    found = client.get(url)
    assert found.json() == expected


def test_a_deleted_item_is_gone(client: TestClient) -> None:
    created = client.post("/items", json=ITEM)
    url = f"/items/{created.json()['id']}"
    deleted = client.delete(url)
    assert deleted.status_code == 204
    found = client.get(url)
    assert found.status_code == 404


def test_pages_contain_every_item_once(client: TestClient, db: Database) -> None:
    with db.sessions.begin() as session:
        stored = store(session, Item, 25)
    seen: list[int] = []
    cursor: str | None = None
    for size in (10, 10, 5):
        params = {"limit": 10} | ({"cursor": cursor} if cursor else {})
        response = client.get("/items", params=params)
        page = response.json()
        assert len(page["items"]) == size
        seen += [row["id"] for row in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert seen == sorted(row.id for row in stored)


def test_a_list_can_be_filtered(client: TestClient) -> None:
    created = client.post("/items", json=ITEM)
    client.post("/items", json=OTHER)
    for field in FILTERS:
        response = client.get("/items", params={field: ITEM[field]})
        assert response.json()["items"] == [created.json()]


def test_many_items_are_stored_all_or_none(client: TestClient) -> None:
    data = [it.model_dump(mode="json") for it in ItemFactory.batch(100)]
    stored = client.post("/items/bulk", json=data)
    assert (stored.status_code, stored.json()) == (201, {"created": 100})
    refused = client.post("/items/bulk", json=[OTHER, data[0]])
    assert refused.status_code == 409
    for wrong in ([], data * 11, [data[0] | {"unknown": 1}]):
        refused = client.post("/items/bulk", json=wrong)
        assert refused.status_code == 422
    response = client.get("/items", params={"limit": 100})
    assert len(response.json()["items"]) == 100
    assert response.json()["next_cursor"] is None


def test_a_unique_value_is_stored_once(client: TestClient) -> None:
    client.post("/items", json=ITEM)
    for field in UNIQUE:
        again = client.post("/items", json=OTHER | {field: ITEM[field]})
        assert again.status_code == 409
        assert again.json()["errors"][0]["loc"] == ["body", field]
        assert again.headers["content-type"] == "application/problem+json"


def test_an_invalid_value_is_refused(client: TestClient) -> None:
    for field, value in INVALID:
        for response in (
            client.post("/items", json=ITEM | {field: value}),
            client.patch("/items/1", json={field: value}),
        ):
            assert response.status_code == 422, (field, value)
            assert response.headers["content-type"] == "application/problem+json"


def test_an_invalid_query_is_refused(client: TestClient) -> None:
    for url in (
        "/items?limit=0",
        "/items?limit=101",
        "/items?cursor=MQ",
        "/items?cursor=",
        "/items?category=a%00b",
        "/items/0",
        f"/items/{2**31}",
    ):
        response = client.get(url)
        assert response.status_code == 422
        assert response.headers["content-type"] == "application/problem+json"
