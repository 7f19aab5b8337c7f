"""Users and orders for tests."""

from collections.abc import Mapping
from typing import Any

from fastapi.testclient import TestClient

from app.database import Database
from app.users import service
from app.users.models import Role
from app.users.schemas import UserCreate

LAMP = {"name": "Lamp", "price": "19.90", "weight": 1.1, "stock": 7}
CHAIR = {"name": "Chair", "price": "0.01"}


def sign_up(client: TestClient, email: str = "ann@example.com") -> dict[str, str]:
    """Create a user, and return the headers with its token."""
    response = client.post("/users", json={"email": email})
    return {"Authorization": f"Bearer {response.json()['token']}"}


def staff(db: Database) -> dict[str, str]:
    """Create a staff user, and return the headers with its token."""
    with db.sessions.begin() as session:
        data = UserCreate(email="staff@example.com")
        _, token = service.create_user(session, data, Role.STAFF)
    return {"Authorization": f"Bearer {token}"}


def fill_shop(client: TestClient, db: Database) -> None:
    """Store two products."""
    headers = staff(db)
    for sku, product in (("lamp-1", LAMP), ("chair-1", CHAIR)):
        response = client.put(f"/products/{sku}", json=product, headers=headers)
        assert response.status_code == 200, response.text


def order(client: TestClient, headers: Mapping[str, str], **fields: Any) -> dict[str, Any]:
    """Order two lamps."""
    data = {"lines": [{"sku": "lamp-1", "quantity": 2}]} | fields
    response = client.post("/orders", json=data, headers=headers)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created
