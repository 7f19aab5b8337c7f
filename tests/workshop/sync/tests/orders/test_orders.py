"""Tests of orders."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from app.commands.send_orders import send_orders
from app.database import Database, store_rows
from app.orders.models import Order, OrderLine, Status, Task
from app.users.models import User
from tests.conftest import at_once
from tests.people import fill_shop, order, sign_up


def test_an_order_is_stored_with_its_lines(client: TestClient, db: Database) -> None:
    fill_shop(client, db)
    headers = sign_up(client)
    wish = {
        "lines": [{"sku": "lamp-1", "quantity": 2}, {"sku": "chair-1", "quantity": 3}],
        "gift": True,
        "note": "Ring twice 🔔",
        "extra": {"color": "red", "sizes": [1, 2.5, None]},
        "due_on": "2026-12-24",
        "due_after": "18:30:00.250000",
        "patience": "P3DT0.5S",
    }
    created = order(client, headers, **wish)
    assert created == created | {key: wish[key] for key in wish if key != "lines"}
    assert created["lines"] == [
        {"sku": "lamp-1", "quantity": 2, "price": "19.90", "amount": "39.80"},
        {"sku": "chair-1", "quantity": 3, "price": "0.01", "amount": "0.03"},
    ]
    assert (created["status"], created["goods"], created["total"]) == ("draft", "39.83", "39.83")
    found = client.get(f"/orders/{created['id']}", headers=headers)
    assert found.json() == created


def test_an_order_of_an_unknown_product_stores_nothing(client: TestClient, db: Database) -> None:
    fill_shop(client, db)
    headers = sign_up(client)
    lines = [{"sku": "lamp-1", "quantity": 2}, {"sku": "moon", "quantity": 1}]
    response = client.post("/orders", json={"lines": lines}, headers=headers)
    assert (response.status_code, "moon" in response.text) == (409, True)
    assert (client.get("/orders", headers=headers)).json()["items"] == []


def test_a_coupon_counts_once_and_every_order_is_stored(client: TestClient, db: Database) -> None:
    fill_shop(client, db)
    headers = sign_up(client)
    first = order(client, headers, coupon="TEN")
    second = order(client, headers, coupon="TEN")
    assert (first["total"], second["total"]) == ("35.82", "39.80")
    page = (client.get("/orders", headers=headers)).json()
    assert page["items"] == [second, first]


def test_an_update_returns_columns_that_the_database_computes(
    client: TestClient, db: Database
) -> None:
    fill_shop(client, db)
    headers = sign_up(client)
    created = order(client, headers)
    url = f"/orders/{created['id']}"
    change = {"version": created["version"], "shipping": "4.50", "status": "paid"}
    response = client.patch(url, json=change, headers=headers)
    changed = response.json()
    assert (changed["shipping"], changed["total"], changed["status"]) == ("4.50", "44.30", "paid")
    assert changed["version"] > created["version"]
    assert datetime.fromisoformat(changed["paid_at"]).utcoffset() == timedelta(0)
    assert (client.get(url, headers=headers)).json() == changed
    stale = client.patch(url, json=change, headers=headers)
    assert stale.status_code == 409


@pytest.mark.commits
def test_one_of_two_concurrent_updates_is_refused(client: TestClient, db: Database) -> None:
    fill_shop(client, db)
    headers = sign_up(client)
    created = order(client, headers)
    change = {"version": created["version"], "note": "Leave it at the door"}
    url = f"/orders/{created['id']}"
    responses = at_once(2, lambda: client.patch(url, json=change, headers=headers))
    assert sorted(response.status_code for response in responses) == [200, 409]


def test_pages_are_ordered_from_newest_to_oldest(client: TestClient, db: Database) -> None:
    headers = sign_up(client)
    moment = datetime.now(UTC) - timedelta(hours=1)
    with db.sessions.begin() as session:
        user_id = session.scalar(select(User.id))
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
        store_rows(session, Order, rows)

    def notes(**query: str) -> list[str]:
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            params = {"limit": "7"} | query | cursor
            response = client.get("/orders", params=params, headers=headers)
            page = response.json()
            seen += [item["note"] for item in page["items"]]
            if page["next_cursor"] is None:
                return seen
            cursor = {"cursor": page["next_cursor"]}

    assert notes() == [str(number) for number in reversed(range(50))]
    assert notes(status="paid") == [str(number) for number in range(49, 0, -2)]
    assert notes(gift="true") == [str(number) for number in range(45, -1, -5)]
    since = moment + timedelta(microseconds=16)
    assert notes(since=since.isoformat()) == ["49", "48"]
    assert notes(until=since.isoformat()) == [str(number) for number in range(47, -1, -1)]
    assert notes(minimum="48.5") == ["49"]
    wrong = client.get("/orders", params={"cursor": "x"}, headers=headers)
    assert wrong.status_code == 422
    naive = client.get("/orders", params={"since": "2026-12-01T10:00:00"}, headers=headers)
    assert naive.status_code == 422


def test_an_export_has_every_row(client: TestClient, db: Database) -> None:
    headers = sign_up(client)
    with db.sessions.begin() as session:
        user_id = session.scalar(select(User.id))
        rows = [{"user_id": user_id, "goods": number} for number in range(1200)]
        store_rows(session, Order, rows)
    response = client.get("/orders/export", headers=headers)
    head, *lines = response.text.splitlines()
    assert head == "number,status,total,created_at"
    assert [line.split(",")[2] for line in lines] == [f"{number}.00" for number in range(1200)]
    assert {line.split(",")[1] for line in lines} == {"draft"}


def test_an_order_creates_a_task(client: TestClient, db: Database) -> None:
    fill_shop(client, db)
    headers = sign_up(client)
    created = order(client, headers)
    with db.readers() as reader:
        found = reader.execute(select(Task.order_id, Task.text))
        assert found.all() == [(created["id"], "Pack it")]


def test_an_order_is_removed_with_its_lines(client: TestClient, db: Database) -> None:
    fill_shop(client, db)
    headers = sign_up(client)
    created = order(client, headers)
    url = f"/orders/{created['id']}"
    refused = client.delete(url, headers=headers)
    assert refused.status_code == 409  # the order has a task
    with db.sessions.begin() as session:
        session.delete(session.scalar(select(Task)))
    removed = client.delete(url, headers=headers)
    assert removed.status_code == 204
    with db.readers() as reader:
        assert reader.scalar(select(func.count()).select_from(OrderLine)) == 0


def test_values_that_no_column_can_hold_do_not_get_500(client: TestClient, db: Database) -> None:
    fill_shop(client, db)
    headers = sign_up(client)
    data = {"lines": [{"sku": "lamp-1", "quantity": 2}], "note": "a\0b"}
    for response in (
        client.post("/orders", json=data, headers=headers),
        client.get(f"/orders/{2**70}", headers=headers),
        client.get("/orders", params={"minimum": "1e30"}, headers=headers),
    ):
        assert response.status_code < 500, response.text


def test_orders_of_others_are_not_found(client: TestClient, db: Database) -> None:
    fill_shop(client, db)
    created = order(client, sign_up(client))
    others = sign_up(client, "bob@example.com")
    response = client.get(f"/orders/{created['id']}", headers=others)
    assert response.status_code == 404


def test_the_command_sends_paid_orders(client: TestClient, db: Database) -> None:
    fill_shop(client, db)
    headers = sign_up(client)
    created = order(client, headers)
    change = {"version": created["version"], "status": "paid"}
    client.patch(f"/orders/{created['id']}", json=change, headers=headers)
    order(client, headers)
    send_orders(db)
    page = (client.get("/orders", headers=headers)).json()
    assert [item["status"] for item in page["items"]] == ["draft", "sent"]
