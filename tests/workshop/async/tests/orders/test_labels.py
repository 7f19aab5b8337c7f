"""Tests of shipping labels."""

from httpx2 import AsyncClient
from sqlalchemy import select

from app.database import Database
from app.orders.models import Task
from tests.people import fill_shop, order, sign_up


async def test_a_label_is_a_task(client: AsyncClient, db: Database) -> None:
    await fill_shop(client, db)
    headers = await sign_up(client)
    created = await order(client, headers)
    response = await client.post(f"/orders/{created['id']}/label", headers=headers)
    assert response.json() == {"label": f"label {created['id']}"}
    async with db.reading() as reader:
        texts = await reader.scalars(select(Task.text).order_by(Task.id))
        assert texts.all() == ["Pack it", f"Print label {created['id']}"]


async def test_an_order_of_another_user_has_no_label(client: AsyncClient, db: Database) -> None:
    await fill_shop(client, db)
    created = await order(client, await sign_up(client))
    path = f"/orders/{created['id']}/label"
    response = await client.post(path, headers=await sign_up(client, "bob@example.com"))
    assert response.status_code == 404
