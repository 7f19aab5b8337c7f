"""Tests of orders."""

from datetime import UTC, datetime, timedelta

import pytest
from httpx2 import AsyncClient
from sqlalchemy import func, select

from app.commands.send_orders import send_orders
from app.database import Database, store_rows
from app.orders.models import Order, OrderLine, Status, Task
from app.users.models import User
from tests.conftest import at_once
from tests.people import fill_shop, order, sign_up


async def test_an_order_is_stored_with_its_lines(client: AsyncClient, db: Database) -> None:
    await fill_shop(client, db)
    headers = await sign_up(client)
    wish = {
        "lines": [{"sku": "lamp-1", "quantity": 2}, {"sku": "chair-1", "quantity": 3}],
        "gift": True,
        "note": "Ring twice 🔔",
        "extra": {"color": "red", "sizes": [1, 2.5, None]},
        "due_on": "2026-12-24",
        "due_after": "18:30:00.250000",
        "patience": "P3DT0.5S",
    }
    created = await order(client, headers, **wish)
    assert created == created | {key: wish[key] for key in wish if key != "lines"}
    assert created["lines"] == [
        {"sku": "lamp-1", "quantity": 2, "price": "19.90", "amount": "39.80"},
        {"sku": "chair-1", "quantity": 3, "price": "0.01", "amount": "0.03"},
    ]
    assert (created["status"], created["goods"], created["total"]) == ("draft", "39.83", "39.83")
    found = await client.get(f"/orders/{created['id']}", headers=headers)
    assert found.json() == created


async def test_an_order_of_an_unknown_product_stores_nothing(
    client: AsyncClient, db: Database
) -> None:
    await fill_shop(client, db)
    headers = await sign_up(client)
    lines = [{"sku": "lamp-1", "quantity": 2}, {"sku": "moon", "quantity": 1}]
    response = await client.post("/orders", json={"lines": lines}, headers=headers)
    assert (response.status_code, "moon" in response.text) == (409, True)
    assert (await client.get("/orders", headers=headers)).json()["items"] == []


async def test_a_coupon_counts_once_and_every_order_is_stored(
    client: AsyncClient, db: Database
) -> None:
    await fill_shop(client, db)
    headers = await sign_up(client)
    first = await order(client, headers, coupon="TEN")
    second = await order(client, headers, coupon="TEN")
    assert (first["total"], second["total"]) == ("35.82", "39.80")
    page = (await client.get("/orders", headers=headers)).json()
    assert page["items"] == [second, first]


async def test_an_update_returns_columns_that_the_database_computes(
    client: AsyncClient, db: Database
) -> None:
    await fill_shop(client, db)
    headers = await sign_up(client)
    created = await order(client, headers)
    url = f"/orders/{created['id']}"
    change = {"version": created["version"], "shipping": "4.50", "status": "paid"}
    response = await client.patch(url, json=change, headers=headers)
    changed = response.json()
    assert (changed["shipping"], changed["total"], changed["status"]) == ("4.50", "44.30", "paid")
    assert changed["version"] > created["version"]
    assert datetime.fromisoformat(changed["paid_at"]).utcoffset() == timedelta(0)
    assert (await client.get(url, headers=headers)).json() == changed
    stale = await client.patch(url, json=change, headers=headers)
    assert stale.status_code == 409


@pytest.mark.commits
async def test_one_of_two_concurrent_updates_is_refused(client: AsyncClient, db: Database) -> None:
    await fill_shop(client, db)
    headers = await sign_up(client)
    created = await order(client, headers)
    change = {"version": created["version"], "note": "Leave it at the door"}
    url = f"/orders/{created['id']}"
    responses = await at_once(2, lambda: client.patch(url, json=change, headers=headers))
    assert sorted(response.status_code for response in responses) == [200, 409]


async def test_pages_are_ordered_from_newest_to_oldest(client: AsyncClient, db: Database) -> None:
    headers = await sign_up(client)
    moment = datetime.now(UTC) - timedelta(hours=1)
    async with db.sessions.begin() as session:
        user_id = await session.scalar(select(User.id))
        rows = [
            {
                "user_id": user_id,
                "created_at": moment + timedelta(microseconds=number // 3),
                "status": Status.PAID if number % 2 else Status.DRAFT,
                "gift": number % 5 == 0,
                "goods": number,
                "note": str(number),
            }
            for number in range(50)
        ]
        await store_rows(session, Order, rows)

    async def notes(**query: str) -> list[str]:
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            params = {"limit": "7"} | query | cursor
            response = await client.get("/orders", params=params, headers=headers)
            page = response.json()
            seen += [item["note"] for item in page["items"]]
            if page["next_cursor"] is None:
                return seen
            cursor = {"cursor": page["next_cursor"]}

    assert await notes() == [str(number) for number in reversed(range(50))]
    assert await notes(status="paid") == [str(number) for number in range(49, 0, -2)]
    assert await notes(gift="true") == [str(number) for number in range(45, -1, -5)]
    since = moment + timedelta(microseconds=16)
    assert await notes(since=since.isoformat()) == ["49", "48"]
    assert await notes(until=since.isoformat()) == [str(number) for number in range(47, -1, -1)]
    assert await notes(minimum="48.5") == ["49"]
    wrong = await client.get("/orders", params={"cursor": "x"}, headers=headers)
    assert wrong.status_code == 422
    naive = await client.get("/orders", params={"since": "2026-12-01T10:00:00"}, headers=headers)
    assert naive.status_code == 422


async def test_an_export_has_every_row(client: AsyncClient, db: Database) -> None:
    headers = await sign_up(client)
    async with db.sessions.begin() as session:
        user_id = await session.scalar(select(User.id))
        rows = [{"user_id": user_id, "goods": number} for number in range(1200)]
        await store_rows(session, Order, rows)
    response = await client.get("/orders/export", headers=headers)
    head, *lines = response.text.splitlines()
    assert head == "number,status,total,created_at"
    assert [line.split(",")[2] for line in lines] == [f"{number}.00" for number in range(1200)]
    assert {line.split(",")[1] for line in lines} == {"draft"}


async def test_an_order_creates_a_task(client: AsyncClient, db: Database) -> None:
    await fill_shop(client, db)
    headers = await sign_up(client)
    created = await order(client, headers)
    async with db.readers() as reader:
        found = await reader.execute(select(Task.order_id, Task.text))
        assert found.all() == [(created["id"], "Pack it")]


async def test_an_order_is_removed_with_its_lines(client: AsyncClient, db: Database) -> None:
    await fill_shop(client, db)
    headers = await sign_up(client)
    created = await order(client, headers)
    url = f"/orders/{created['id']}"
    refused = await client.delete(url, headers=headers)
    assert refused.status_code == 409  # the order has a task
    async with db.sessions.begin() as session:
        await session.delete(await session.scalar(select(Task)))
    removed = await client.delete(url, headers=headers)
    assert removed.status_code == 204
    async with db.readers() as reader:
        assert await reader.scalar(select(func.count()).select_from(OrderLine)) == 0


async def test_values_that_no_column_can_hold_do_not_get_500(
    client: AsyncClient, db: Database
) -> None:
    await fill_shop(client, db)
    headers = await sign_up(client)
    data = {"lines": [{"sku": "lamp-1", "quantity": 2}], "note": "a\0b"}
    for response in (
        await client.post("/orders", json=data, headers=headers),
        await client.get(f"/orders/{2**70}", headers=headers),
        await client.get("/orders", params={"minimum": "1e30"}, headers=headers),
    ):
        assert response.status_code < 500, response.text


async def test_orders_of_others_are_not_found(client: AsyncClient, db: Database) -> None:
    await fill_shop(client, db)
    created = await order(client, await sign_up(client))
    others = await sign_up(client, "bob@example.com")
    response = await client.get(f"/orders/{created['id']}", headers=others)
    assert response.status_code == 404


async def test_the_command_sends_paid_orders(client: AsyncClient, db: Database) -> None:
    await fill_shop(client, db)
    headers = await sign_up(client)
    created = await order(client, headers)
    change = {"version": created["version"], "status": "paid"}
    await client.patch(f"/orders/{created['id']}", json=change, headers=headers)
    await order(client, headers)
    await send_orders(db)
    page = (await client.get("/orders", headers=headers)).json()
    assert [item["status"] for item in page["items"]] == ["draft", "sent"]
