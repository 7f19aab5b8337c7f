"""Users and orders for tests."""

from collections.abc import Mapping
from typing import Any

from httpx2 import AsyncClient

from app.database import Database
from app.users import service
from app.users.models import Role
from app.users.schemas import UserCreate

LAMP = {"name": "Lamp", "price": "19.90", "weight": 1.1, "stock": 7}
CHAIR = {"name": "Chair", "price": "0.01"}


async def sign_up(client: AsyncClient, email: str = "ann@example.com") -> dict[str, str]:
    """Create a user, and return the headers with its token."""
    response = await client.post("/users", json={"email": email})
    return {"Authorization": f"Bearer {response.json()['token']}"}


async def staff(db: Database) -> dict[str, str]:
    """Create a staff user, and return the headers with its token."""
    async with db.sessions.begin() as session:
        data = UserCreate(email="staff@example.com")
        _, token = await service.create_user(session, data, Role.STAFF)
    return {"Authorization": f"Bearer {token}"}


async def fill_shop(client: AsyncClient, db: Database) -> None:
    """Store two products."""
    headers = await staff(db)
    for sku, product in (("lamp-1", LAMP), ("chair-1", CHAIR)):
        response = await client.put(f"/products/{sku}", json=product, headers=headers)
        assert response.status_code == 200, response.text


async def order(client: AsyncClient, headers: Mapping[str, str], **fields: Any) -> dict[str, Any]:
    """Order two lamps."""
    data = {"lines": [{"sku": "lamp-1", "quantity": 2}]} | fields
    response = await client.post("/orders", json=data, headers=headers)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created
