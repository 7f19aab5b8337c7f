"""What clients of the items API can rely on."""

from typing import Any

from httpx2 import AsyncClient

JSON = {"Content-Type": "application/json"}
LAMP = {"name": "Lamp", "category": "light", "quantity": 3}


def items(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"name": f"Item {number}", "category": "misc"} | fields for number in range(count)]


async def test_a_created_item_can_be_read(client: AsyncClient) -> None:
    created = await client.post("/items", json=LAMP)
    assert created.status_code == 201
    found = await client.get(f"/items/{created.json()['id']}")
    assert found.status_code == 200
    assert found.json() == created.json() == LAMP | {"id": created.json()["id"]}


async def test_an_unknown_item_is_not_found(client: AsyncClient) -> None:
    for response in (
        await client.get("/items/404"),
        await client.patch("/items/404", json={}),
        await client.delete("/items/404"),
    ):
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"


async def test_an_update_changes_only_what_was_sent(client: AsyncClient) -> None:
    created = await client.post("/items", json=LAMP)
    url = f"/items/{created.json()['id']}"
    updated = await client.patch(url, json={"quantity": 5})
    assert updated.json() == created.json() | {"quantity": 5}
    found = await client.get(url)
    assert found.json() == updated.json()


async def test_a_deleted_item_is_gone(client: AsyncClient) -> None:
    created = await client.post("/items", json=LAMP)
    url = f"/items/{created.json()['id']}"
    deleted = await client.delete(url)
    assert deleted.status_code == 204
    found = await client.get(url)
    assert found.status_code == 404


async def test_pages_contain_every_item_once(client: AsyncClient) -> None:
    await client.post("/items/bulk", json=items(25))
    seen: list[str] = []
    cursor: str | None = None
    for size in (10, 10, 5):
        params = {"limit": 10} | ({"cursor": cursor} if cursor else {})
        response = await client.get("/items", params=params)
        page = response.json()
        assert len(page["items"]) == size
        seen += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert seen == [f"Item {number}" for number in range(25)]


async def test_a_list_can_be_filtered(client: AsyncClient) -> None:
    await client.post("/items/bulk", json=[*items(3), LAMP])
    response = await client.get("/items", params={"category": "light"})
    assert [item["name"] for item in response.json()["items"]] == ["Lamp"]


async def test_many_items_are_stored_all_or_none(client: AsyncClient) -> None:
    stored = await client.post("/items/bulk", json=items(100))
    assert (stored.status_code, stored.json()) == (201, {"created": 100})
    refused = await client.post("/items/bulk", json=[LAMP, *items(1)])
    assert refused.status_code == 409
    response = await client.get("/items", params={"category": "light"})
    assert response.json()["items"] == []


async def test_a_name_is_unique(client: AsyncClient) -> None:
    await client.post("/items", json=LAMP)
    again = await client.post("/items", json=LAMP)
    assert again.status_code == 409
    assert again.json()["errors"][0]["loc"] == ["body", "name"]
    assert again.headers["content-type"] == "application/problem+json"
    assert "Lamp" not in again.text


async def test_an_invalid_request_is_refused(client: AsyncClient) -> None:
    for response in (
        await client.post("/items", json=LAMP | {"name": ""}),
        await client.post("/items", json=LAMP | {"name": "x" * 101}),
        await client.post("/items", json=LAMP | {"name": "a\0b"}),
        await client.post("/items/bulk", json=[LAMP | {"name": "a\0b"}]),
        await client.post("/items", content=b'{"name": "\\ud800", "category": "c"}', headers=JSON),
        await client.post("/items", json=LAMP | {"quantity": -1}),
        await client.post("/items", json=LAMP | {"quantity": True}),
        await client.post("/items", json=LAMP | {"quantity": "1"}),
        await client.post("/items", json=LAMP | {"quantity": 2**63}),
        await client.post("/items", json=LAMP | {"color": "red"}),
        await client.post("/items/bulk", json=[]),
        await client.post("/items/bulk", json=items(1001)),
        await client.patch("/items/1", json={"name": None}),
        await client.get("/items", params={"limit": 0}),
        await client.get("/items", params={"limit": 101}),
        await client.get("/items", params={"cursor": "MQ"}),
        await client.get("/items", params={"cursor": "no cursor"}),
        await client.get("/items", params={"cursor": ""}),
        await client.get("/items", params={"category": "a\0b"}),
        await client.get("/items/0"),
        await client.get(f"/items/{2**31}"),
    ):
        assert response.status_code == 422, response.text
        assert response.headers["content-type"] == "application/problem+json"
