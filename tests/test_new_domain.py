"""`uv run poe new-domain` in rendered projects: what it writes works, and what it cannot is refused."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from httpx2 import Client

from combinations import DRIVERS, TEMPLATE, USUAL, Combination
from example import delete_example, drop_example
from processes import alembic, clean_environment, execute, free_port, prepare, run, serving

DatabaseURL = Callable[[Combination, str], str]

# The fields of the example, and of a domain with every kind of field.
EXAMPLE = ["items", "name:str(100) unique, category:str(50) index, quantity:int>=0", "--bulk"]
CUSTOMERS = ["customers", "email:str(100) unique, joined:date index"]
ORDERS = [
    "orders",
    (
        "number:str(4) unique, note:text?, place:int>=1<=5000 unique, amount:int?,"
        " rate:Decimal(5,4)<=1, price:Decimal(10,2)>=0 unique, gift:bool index, shipped:date?,"
        " due:datetime?, paid:datetime unique, status:Enum(open,paid) index, token:uuid unique,"
        " extra:json, more:json?, customer:->customers, payer:->customers?, parent:->orders?"
    ),
    "--bulk",
]
ORDER: dict[str, Any] = {
    "number": "N1",
    "note": "A note with é 🚀",
    "place": 5000,
    "amount": -1,
    "rate": "0.1234",
    "price": "9999999.99",
    "gift": True,
    "shipped": "2026-02-28",
    "due": "2026-01-31T12:00:00.123456Z",
    "paid": "2026-01-31T12:00:00Z",
    "status": "paid",
    "token": "0b3a7c2e-5d1f-4e8a-9c6b-2f7d8e9a0b1c",
    "extra": {"sizes": [1, 2.5, None], "é": {"deep": True}},
    "more": None,
    "payer_id": None,
    "parent_id": None,
}
# Another value for each unique field.
OTHER = ORDER | {
    "number": "N2",
    "place": 1,
    "price": "0.00",
    "paid": "2026-02-28T12:00:00Z",
    "token": "7e6d5c4b-3a29-4817-8605-f4e3d2c1b0a9",
}

FIELD = "name:str(9)"
# A name, the fields, perhaps a singular, and a part of the sentence that refuses them.
REFUSED = [
    *((name, FIELD, "is not a name") for name in ("", "Orders", "order-lines", "../orders", "1st")),
    *((name, FIELD, "is not a name") for name in ("ord ers", "__orders", "bücher", "$(touch x)")),
    *((name, FIELD, "is not a name") for name in ("{{ orders }}", "orders;", "orders\n", "a__b")),
    ("o" * 41, FIELD, "has 41 characters"),
    *((name, FIELD, "is a name in Python") for name in ("class", "classes", "lists", "objects")),
    ("references", FIELD, "is a word of SQL"),
    *((name, FIELD, "exists already") for name in ("items", "settings", "commands")),
    *((name, FIELD, "is not clear") for name in ("news", "sheep", "status")),
    ("health", FIELD, "There are routes", "healthy"),
    ("docs", FIELD, "There are routes"),
    ("goods", FIELD, "There is a model Item", "item"),
    ("orders", FIELD, "is not a name", "Order"),
    ("orders", FIELD, "is a name in Python", "class"),
    ("orders", FIELD, "is the plural too", "orders"),
    *((name, FIELD, "something else") for name in ("sessions", "pages", "fields", "texts")),
    *(("orders", fields, "is not a field") for fields in ("", ",", "name", "name:", ":str(9)")),
    *(("orders", fields, "is not a field") for fields in ("name:str(9", "name:str(9))", "a b:int")),
    *(("orders", f"name:str(9){more}", "is not a field") for more in (" uniqe", ",,", ";", "!")),
    *(("orders", f"name:int{more}", "is not a field") for more in (">1", ">=x", "<=1>=0", "? >=0")),
    ("orders", "name:int, name:int", "Two fields are named name"),
    ("orders", "item:->items, item_id:int", "Two fields are named item_id"),
    ("orders", "name:string", "is no kind of field"),
    *(("orders", f"name:str{more}", "write str(n)") for more in ("", "()", "(0)", "(x)", "(1001)")),
    *(("orders", f"name:str{more}", "write str(n)") for more in ("(-1)", "(9,9)", "(601) unique")),
    ("customers", f"{'n' * 40}:int>=0", "has 66 characters"),
    ("orders", "name:str(3) unique", "too short to be unique"),
    ("orders", "place:int>=1<=500 unique", "only 500 rows"),
    ("orders", "rate:Decimal(2,1) unique", "only 199 rows"),
    ("orders", "name:str(9) unique index", "has an index already"),
    *(("orders", f"name:{it}", "cannot be unique") for it in ("text unique", "json unique")),
    *(("orders", f"name:{it}", "cannot be unique") for it in ("bool unique", "Enum(a) unique")),
    *(("orders", f"name:{it}", "cannot have an index") for it in ("text index", "json index")),
    *(("orders", f"name:{it}(1)", "nothing in parentheses") for it in ("int", "bool", "datetime")),
    *(("orders", f"name:{it}>=0", "a minimum") for it in ("str(9)", "date", "->items")),
    *(("orders", f"name:int{it}", "has bounds") for it in (">=5<=4", ">=0.5", "<=3000000000")),
    *(("orders", f"name:Decimal{it}", "write Decimal") for it in ("", "(2)", "(2,x)", "(1,2,3)")),
    *(("orders", f"name:Decimal{it}", "digits") for it in ("(2,3)", "(0,0)", "(9999,2)")),
    *(
        ("orders", f"name:Decimal(4,2){it}", "cannot have these bounds")
        for it in (">=100", "<=0.001")
    ),
    *(
        ("orders", f"name:Enum{it}", "write Enum")
        for it in ("", "()", "(a,a)", "(A)", "(a b)", "(a,)")
    ),
    *(("orders", f"{it}:int", "is a name in Python") for it in ("class", "list", "id", "max")),
    *(("orders", f"{it}:int", "is a word of SQL") for it in ("select", "order")),
    *(("orders", f"{it}:int", "Every model needs") for it in ("metadata", "registry", "datetime")),
    *(("orders", f"{it}:int", "in pydantic's models") for it in ("copy", "json", "model_dump")),
    ("orders", "limit:int index", "A list cannot be filtered by limit"),
    *(("orders", f"it:->{it}", "no model has the table") for it in ("nowhere", "items.id")),
    ("orders", "parent:->orders", "the first row could not be stored"),
]

# Models that were written by hand: a key of text, and one that the service chooses.
SHOPS = """
import uuid

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class Shop(Base):
    __tablename__ = "shops"

    code: Mapped[str] = mapped_column(String(20), primary_key=True)


class Owner(Base):
    __tablename__ = "owners"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    name: Mapped[str] = mapped_column(String(40))
"""
PAYMENTS = [
    "payments",
    "order:->orders unique, amount:Decimal(8,2)>=0, shop:->shops, owner:->owners?",
]


@pytest.fixture
def new_domain(environment: Path) -> Callable[..., CompletedProcess[str]]:
    """A function that runs the command of a project."""

    def new_domain(
        project: Path, *arguments: str, url: str | None = None, check: bool = True
    ) -> CompletedProcess[str]:
        cache = environment.parent / "mypy_cache"
        variables = {"MYPY_CACHE_DIR": str(cache)} | ({"DATABASE_URL": url} if url else {})
        return run(
            environment / "python", "-m", "new_domain", *arguments,
            cwd=project, check=check, **variables,
        )  # fmt: skip

    return new_domain


def tree(project: Path) -> dict[Path, bytes]:
    """Return every file that git would see."""
    ignored = {"__pycache__", ".mypy_cache", ".ruff_cache"}
    return {
        path: path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and not ignored & {*path.parts}
    }


def use(client: Client, customer: int) -> None:
    """Send every kind of field, and read it in every way."""
    order = ORDER | {"customer_id": customer}
    made = client.post("/orders", json=order)
    assert made.status_code == 201, made.text
    assert made.json() == order | {"id": made.json()["id"]}
    url = f"/orders/{made.json()['id']}"
    assert client.get(url).json() == made.json()
    change = {"note": None, "status": "open", "parent_id": made.json()["id"], "more": {"a": [1]}}
    changed = client.patch(url, json=change)
    assert changed.json() == made.json() | change
    for wanted in ({"status": "open"}, {"gift": True}, {"customer_id": customer}):
        assert client.get("/orders", params=wanted).json()["items"] == [changed.json()]
    for name in ("number", "place", "price", "paid", "token"):
        again = OTHER | {"customer_id": customer, name: order[name]}
        refused = client.post("/orders", json=again)
        assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (409, ["body", name])
    for wrong in (b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\\ud800"}', b'{"\\ud800": 1}', b"[]"):
        body = b'{"extra": %s}' % wrong
        refused = client.patch(url, content=body, headers={"Content-Type": "application/json"})
        assert refused.status_code == 422, wrong
    assert client.delete(f"/customers/{customer}").status_code == 409
    assert client.patch(url, json={"parent_id": None}).status_code == 200
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


@pytest.mark.parametrize(
    "tried",
    [it if it in USUAL else pytest.param(it, marks=pytest.mark.full) for it in DRIVERS],
    ids=str,
)
def test_new_domains_work_with_the_example_and_without(  # noqa: PLR0913, PLR0917
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    new_domain: Callable[..., CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    project, url = tmp_path / "my-api", database_url(tried, "my_api_new")
    prepare(projects[tried], project, environment, url)
    (project / "app/shops").mkdir()
    (project / "app/shops/__init__.py").touch()
    (project / "app/shops/models.py").write_text(f'"""The tables of shops."""\n{SHOPS}')
    for arguments in (CUSTOMERS, ORDERS):
        done = new_domain(project, *arguments, url=url)
        assert "migrations/versions/" in done.stdout, done.stdout + done.stderr
        alembic(project, environment, url, "upgrade head")
    delete_example(project)
    drop_example(project, environment, url)
    new_domain(project, *PAYMENTS, url=url)
    alembic(
        project, environment, url, "upgrade head", "check", "downgrade -4", "upgrade head", "check"
    )

    domains = ["customers", "orders", "payments"]
    for expected in (r"(\w+): 50 rows stored", r"(\w+) has rows already"):
        said = run(environment / "python", "-m", "tests.seed", cwd=project, DATABASE_URL=url).stdout
        assert re.findall(expected, said) == domains
    counts = execute(project, environment, url, *(f"SELECT count(*) FROM {it}" for it in domains))
    assert counts.count("(50,)") == 3
    execute(project, environment, url, *(f"DELETE FROM {it}" for it in reversed(domains)))

    tests = [f"tests/{it}" for it in domains]
    run(environment / "python", "-m", "pytest", "-q", *tests, cwd=project, DATABASE_URL=url)
    if tried.database == "sqlite":
        path = os.pathsep.join([str(environment), os.environ["PATH"]])
        cache = str(environment.parent / "mypy_cache")
        run(environment / "poe", "check", cwd=project, PATH=path, MYPY_CACHE_DIR=cache)
    with serving(project, environment, url) as client:
        customer = {"email": "ann@example.com", "joined": "2026-11-27"}
        use(client, client.post("/customers", json=customer).json()["id"])


def generated(project: Path) -> dict[Path, Path]:
    """Return the files of the example in a project, and where the template has them."""
    found = {}
    for path in [*project.glob("app/items/*.py"), *project.glob("tests/items/*.py")]:
        part = path.relative_to(project)
        variant = "async" if "aiosqlite" in (project / "pyproject.toml").read_text() else "sync"
        places = [TEMPLATE / part, TEMPLATE / "overlays" / variant / part]
        (found[path],) = [place for place in places if place.exists()]
    return found


@pytest.mark.parametrize("tried", [it for it in USUAL if it.database == "sqlite"], ids=str)
def test_the_example_is_what_the_command_writes(
    request: pytest.FixtureRequest,
    tried: Combination,
    projects: dict[Combination, Path],
    new_domain: Callable[..., CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    """There is one source for the style of a domain. `--rewrite` writes the example."""
    project = shutil.copytree(projects[tried], tmp_path / "my-api")
    written = generated(project)
    delete_example(project)
    new_domain(project, *EXAMPLE)
    for path, place in written.items():
        if request.config.getoption("--rewrite"):
            place.write_bytes(path.read_bytes())
        assert path.read_text() == place.read_text(), place


CREATE = """
import json
import sys
from new_domain.__main__ import create
from new_domain.fields import RefusedError
for name, fields, _, *singular in json.load(sys.stdin):
    try:
        create(name, fields, *singular or [None], bulk=False)
    except RefusedError as error:
        print(json.dumps(error.sentences))
"""


def test_what_cannot_be_made_is_refused(
    projects: dict[Combination, Path], environment: Path, tmp_path: Path
) -> None:
    project = shutil.copytree(projects[USUAL[0]], tmp_path / "my-api")
    before = tree(project)
    said = subprocess.run(
        [environment / "python", "-c", CREATE], input=json.dumps(REFUSED), cwd=project,
        env=clean_environment() | {"PYTHONPATH": "."}, text=True, capture_output=True, check=False,
    )  # fmt: skip
    lines = said.stdout.splitlines()
    for asked, line in zip(REFUSED, lines, strict=False):
        sentences = json.loads(line)
        assert any(asked[2] in it for it in sentences), (asked, sentences)
        assert all(it[-1] in ".?" for it in sentences), sentences
    assert len(lines) == len(REFUSED), said.stderr
    assert tree(project) == before


def test_all_mistakes_are_said_at_once(
    projects: dict[Combination, Path],
    new_domain: Callable[..., CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    project = shutil.copytree(projects[USUAL[0]], tmp_path / "my-api")
    done = new_domain(project, "orders", "name:str, class:int, due:time", check=False)
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 3), done.stdout


@pytest.mark.parametrize(
    ("template", "line"),
    [("service.py", "x: int = 'text'"), ("tests.py", "nothing()"), ("models.py", "<< it >>")],
)
def test_a_failure_leaves_nothing(
    template: str,
    line: str,
    projects: dict[Combination, Path],
    new_domain: Callable[..., CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    project = shutil.copytree(projects[USUAL[0]], tmp_path / "my-api")
    with (project / f"new_domain/templates/{template}.jinja").open("a") as file:
        file.write(f"\n{line}\n")
    before = tree(project)
    done = new_domain(project, "orders", FIELD, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout
    assert template.replace("tests.py", "test_orders.py") in done.stdout
    assert tree(project) == before


def test_what_is_left_to_do_is_printed(
    projects: dict[Combination, Path],
    environment: Path,
    new_domain: Callable[..., CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    """The lines of `app/main.py` if it has changed, and the revision if no database answers."""
    project = shutil.copytree(projects[USUAL[2]], tmp_path / "my-api")
    main = project / "app/main.py"
    changed = main.read_text().replace(
        "app.include_router(health", "app.include_router(router=health"
    )
    main.write_text(changed)
    url = f"postgresql+asyncpg://nobody@127.0.0.1:{free_port()}/nothing"
    done = new_domain(project, "orders", FIELD, url=url)
    assert main.read_text() == changed
    assert "There is no revision yet: No connection to" in done.stdout
    assert '    uv run alembic revision --autogenerate -m "Create orders"\n' in done.stdout
    imported, included = re.findall(
        r"^ *(?:from|app)\b.*orders_router.*$", done.stdout, re.MULTILINE
    )
    text = changed.replace("from app.settings", f"{imported}\nfrom app.settings")
    main.write_text(
        text.replace("    app.include_router(items", f"{included}\n    app.include_router(items")
    )
    run(environment / "python", "-c", "import app.main", cwd=project)


def test_a_project_can_do_without_the_command(
    projects: dict[Combination, Path], environment: Path, tmp_path: Path
) -> None:
    project = shutil.copytree(projects[USUAL[0]], tmp_path / "my-api")
    shutil.rmtree(project / "new_domain")
    path = os.pathsep.join([str(environment), os.environ["PATH"]])
    cache = str(environment.parent / "mypy_cache")
    run(environment / "poe", "check", cwd=project, PATH=path, MYPY_CACHE_DIR=cache)
    run(environment / "python", "-m", "pytest", "-q", "tests/items", cwd=project)
