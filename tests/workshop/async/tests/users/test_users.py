"""Tests of users."""

import pytest
from httpx2 import AsyncClient
from sqlalchemy import String, select, type_coerce

from app.database import Database, store_rows
from app.users import service
from app.users.models import User
from tests.factories import store
from tests.people import sign_up
from tests.users.factories import UserFactory


@pytest.fixture
async def signed_in(client: AsyncClient, db: Database) -> AsyncClient:
    """A client with the token of a new user."""
    async with db.sessions.begin() as session:
        _, token = await service.create_user(session, UserFactory.build())
    client.headers["Authorization"] = f"Bearer {token}"
    return client


async def test_a_user_can_sign_up_and_change(client: AsyncClient) -> None:
    headers = await sign_up(client)
    before = (await client.get("/users/me", headers=headers)).json()
    assert (before["role"], before["newsletter"], before["phone"]) == ("customer", False, None)
    change = {"phone": "+43 1 234", "newsletter": True}
    response = await client.patch("/users/me", json=change, headers=headers)
    after = response.json()
    assert after == before | change | {"updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]
    assert (await client.get("/users/me", headers=headers)).json() == after


async def test_a_fixture_signs_a_user_in(signed_in: AsyncClient, db: Database) -> None:
    me = await signed_in.get("/users/me")
    assert me.json()["email"].endswith("@example.com")
    async with db.sessions.begin() as session:
        users = await store(session, User, 100)
    assert len({user.email for user in users} | {me.json()["email"]}) == 101


async def test_an_email_address_is_unique(client: AsyncClient) -> None:
    await sign_up(client)
    response = await client.post("/users", json={"email": "ann@example.com"})
    assert response.status_code == 409
    assert response.json()["detail"] == "This e-mail address is taken."
    assert response.json()["errors"][0]["loc"] == ["body", "email"]


async def test_a_token_is_required(client: AsyncClient) -> None:
    for headers in ({}, {"Authorization": "Bearer none"}):
        for response in (
            await client.get("/users/me", headers=headers),
            await client.patch("/users/me", json={}, headers=headers),
            await client.get("/orders", headers=headers),
            await client.get("/orders/export", headers=headers),
        ):
            assert response.status_code == 401
            assert response.headers["content-type"] == "application/problem+json"


async def test_a_phone_is_stored_encrypted(client: AsyncClient, db: Database) -> None:
    headers = await sign_up(client)
    await client.patch("/users/me", json={"phone": "+43 1 234"}, headers=headers)
    row = {"email": "bob@example.com", "token_hash": "f" * 64, "phone": "+43 1 234"}
    async with db.sessions.begin() as session:
        await store_rows(session, User, [row])
    async with db.readers() as reader:
        raw = await reader.scalars(select(type_coerce(User.phone, String)))
        stored = raw.all()
        found = await reader.scalars(select(User.phone))
        phones = found.all()
    assert len(stored) == 2
    assert not any("234" in it for it in stored if it)
    assert phones == ["+43 1 234"] * 2
