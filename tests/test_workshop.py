"""Domains that an ordinary team would write are copied into a project, without workarounds."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from combinations import DRIVERS, USUAL, Combination
from conftest import named
from example import delete_example, drop_example
from processes import alembic, execute, prepare, run, serving

DatabaseURL = Callable[[Combination, str], str]
WORKSHOP = Path(__file__).parent / "workshop"
OWN_TESTS = [  # the sync tests have the same names
    it.relative_to(WORKSHOP / "async")
    for it in sorted((WORKSHOP / "async/tests").rglob("test_*.py"))
]
# The project's own tests run on one database, the workshop's on another, with the same driver.
TWICE = ("mysql+pymysql", "mariadb+asyncmy")
ROUTERS = ["users.router", "products.router", "orders.streams", "orders.router", "orders.labels"]

# The tests of the workshop again, with real transactions.
COMMITTING = """
import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    copies = [item for item in items if "committing" in item.path.parts]
    assert len(copies) > 20
    for item in copies:
        item.add_marker("commits")
"""


def copy_workshop(project: Path, combination: Combination) -> None:
    """Copy the files for the combination, and include the routers."""
    for name in ("shared", combination.session, *combination.overlays):
        if (WORKSHOP / name).exists():
            shutil.copytree(WORKSHOP / name, project, dirs_exist_ok=True)
    names = {it: it.replace(".", "_") for it in ROUTERS}
    imports = "".join(f"from app.{it} import router as {name}\n" for it, name in names.items())
    included = "".join(f"    app.include_router({name})\n" for name in names.values())
    main = project / "app/main.py"
    text = main.read_text()
    text = text.replace("from app.items", f"{imports}from app.items")
    main.write_text(
        text.replace("    app.include_router(items", f"{included}    app.include_router(items")
    )


def commit_in_copies(project: Path) -> None:
    """Copy the tests of the workshop, and mark the copies with `commits`."""
    folder = project / "tests/committing"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "conftest.py").write_text(COMMITTING)
    for file in OWN_TESTS:
        shutil.copy(project / file, folder)


def test_the_workshop_silences_no_tool() -> None:
    silenced = re.compile(r"noqa|type: ignore|\bcast\(|filterwarnings|mark\.skip")
    files = [*WORKSHOP.rglob("*.py")]
    assert len(files) > 30
    assert [it for it in files if silenced.search(it.read_text())] == []


@pytest.mark.parametrize(
    "tried",
    [it if it in USUAL else pytest.param(it, marks=pytest.mark.full) for it in DRIVERS],
    ids=str,
)
def test_a_project_with_the_workshop_passes_its_checks(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    project, url = tmp_path / "my-api", database_url(tried, "my_api_workshop")
    prepare(projects[tried], project, environment, url)
    copy_workshop(project, tried)
    revision = ["revision --autogenerate -m shop", "upgrade head", "check"]
    back = ["downgrade -1", "upgrade head", "check"]
    alembic(project, environment, url, *revision, *back)
    delete_example(project)
    drop_example(project, environment, url)
    alembic(project, environment, url, "check", "downgrade -1", "upgrade head")

    path = os.pathsep.join([str(environment), os.environ["PATH"]])
    cache = str(environment.parent / "mypy_cache")
    for command in ("fix", "check"):
        run(environment / "poe", command, cwd=project, PATH=path, MYPY_CACHE_DIR=cache)

    commit_in_copies(project)
    tests = ["tests"]
    if named(tried, *TWICE):
        tests = ["tests/committing", *map(str, OWN_TESTS)]
    run(environment / "python", "-m", "pytest", "-q", *tests, cwd=project, DATABASE_URL=url)

    with serving(project, environment, url) as client:
        user = client.post("/users", json={"email": "ann@example.com"}).json()
        execute(project, environment, url, "UPDATE users SET role = 'STAFF'")
        client.headers["Authorization"] = f"Bearer {user['token']}"
        product = {"name": "Lamp", "price": "19.90", "weight": 1.1}
        stored = client.put("/products/lamp-1", json=product).json()
        assert stored == stored | product
        photo = bytes(range(256)) * 1000
        uploaded = client.put("/products/lamp-1/photo", files={"photo": photo})
        assert uploaded.status_code == 204
        assert client.get("/products/lamp-1/photo").content == photo
        wish = {"lines": [{"sku": "lamp-1", "quantity": 2}], "coupon": "TEN"}
        order = client.post("/orders", json=wish).json()
        change = {"version": order["version"], "status": "paid", "shipping": "4.50"}
        assert client.patch(f"/orders/{order['id']}", json=change).json()["total"] == "40.32"
        assert client.patch(f"/orders/{order['id']}", json=change).status_code == 409
        (listed,) = client.get("/orders", params={"status": "paid"}).json()["items"]
        assert listed["number"] in client.get("/orders/export").text
        run(environment / "python", "-m", "app.commands.send_orders", cwd=project, DATABASE_URL=url)
        assert client.get(f"/orders/{order['id']}").json()["status"] == "sent"
        label = client.post(f"/orders/{order['id']}/label").json()["label"]
        tasks = execute(project, environment, url, "SELECT text FROM tasks")
        assert "Pack it" in tasks
        assert f"Print {label}" in tasks
