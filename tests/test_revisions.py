"""What autogenerate writes for the models of an ordinary team comes back, and is clean."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from combinations import DRIVERS, Combination
from conftest import everyday
from processes import alembic, prepare, run

DatabaseURL = Callable[[Combination, str], str]

MODELS = '''"""The tables of orders."""

import enum
import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Computed,
    DateTime,
    Dialect,
    Enum,
    ForeignKey,
    LargeBinary,
    Numeric,
    String,
    Text,
    TypeDecorator,
    false,
    func,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base

SCHEMA: str | None = None
LENGTH: int | None = None


class Status(enum.Enum):
    """What has become of an order."""

    draft = "draft"
    paid = "paid"


class Size(enum.Enum):
    """How large a parcel is."""

    small = "small"
    large = "large"


class Secret(TypeDecorator[str]):
    """A text that is stored in another form."""

    impl = String(200)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value and value[::-1]

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return value and value[::-1]


class Moment(TypeDecorator[datetime]):
    """A type with a variant."""

    impl = DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    cache_ok = True


class Instant(TypeDecorator[datetime]):
    """A type that chooses its own by the database."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime(timezone=True))


class Parcel(TypeDecorator[Size]):
    """A type whose SQL type is an Enum."""

    impl = Enum(Size, name="parcel")
    cache_ok = True


class Customer(Base):
    """Who orders."""

    __tablename__ = "customers"
    __table_args__ = {"schema": SCHEMA}

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(Secret, unique=True)


class Order(Base):
    """What a customer orders."""

    __tablename__ = "orders"
    __table_args__ = (CheckConstraint("total >= 0", name="total"), {"schema": SCHEMA})

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    customer_id: Mapped[int] = mapped_column(ForeignKey(Customer.id), index=True)
    payer_id: Mapped[int | None] = mapped_column(ForeignKey(Customer.id), unique=True)
    status: Mapped[Status] = mapped_column(server_default="draft")
    parcel: Mapped[Size] = mapped_column(Parcel)
    size: Mapped[Size] = mapped_column(
        Enum(Size, name="size", native_enum=False, create_constraint=True)
    )
    total: Mapped[Decimal] = mapped_column(Numeric(10, 2), server_default="0")
    twice: Mapped[Decimal | None] = mapped_column(
        Numeric(10, 2), Computed("total * 2", persisted=True)
    )
    thrice: Mapped[Decimal] = mapped_column(Numeric(10, 2), Computed("total * 3", persisted=True))
    extra: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    photo: Mapped[bytes | None] = mapped_column(LargeBinary(10**6))
    remark: Mapped[str | None] = mapped_column(Text(LENGTH))
    urgent: Mapped[bool] = mapped_column(server_default=false())
    note: Mapped[str] = mapped_column(String(50), server_default="it's new")
    seen_at: Mapped[datetime] = mapped_column(Moment)
    paid_at: Mapped[datetime] = mapped_column(Instant)
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class OrderLine(Base):
    """A line of an order."""

    __tablename__ = "order_lines"
    __table_args__ = {"schema": SCHEMA}

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Order.id, ondelete="CASCADE"), index=True
    )
    status: Mapped[Status]
'''

# What the team thinks better of later: each as it stands in the models, and what it becomes.
LATER = {
    '    paid = "paid"': '    sent = "sent"\n    paid = "paid"',
    "ForeignKey(Customer.id), index=True)": "ForeignKey(Customer.id))",
    r"    payer_id: .*\n": "",
    "LargeBinary(32)": "LargeBinary(300)",
    '"total >= 0", name="total"': '"total >= 1", name="total_not_zero"',
    'server_default="it\'s new"': 'server_default="none"',
    r"    urgent: .*\n": '    kind: Mapped[Size | None] = mapped_column(Enum(Size, name="kind"))\n',
}


def changed(text: str, changes: dict[str, str]) -> str:
    """Change models; a change that finds nothing to change is a mistake."""
    for pattern, replacement in changes.items():
        text, count = re.subn(
            pattern if "\\n" in pattern else re.escape(pattern), replacement, text
        )
        assert count, pattern
    return text


@pytest.mark.parametrize(
    "tried",
    everyday(DRIVERS, "asyncpg", "mariadb+pymysql"),
    ids=str,
)
def test_models_that_nothing_imports_yet_lead_up_and_down(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """They are added, changed and deleted; no revision imports the app, all come back."""
    project, url = tmp_path / "my-api", database_url(tried, "my_api_orders")
    prepare(projects[tried], project, environment, url)
    models = project / "app/orders/models.py"
    models.parent.mkdir()
    (models.parent / "__init__.py").touch()
    added = MODELS
    if tried.database == "postgresql":
        added = changed(MODELS, {"SCHEMA: str | None = None": 'SCHEMA = "sales"'})
    if tried.database in {"mysql", "mariadb"}:
        added = changed(MODELS, {"LENGTH: int | None = None": "LENGTH = 60"})
    later = changed(added, LATER)
    last = changed(later, {'    sent = "sent"\n': ""})
    for text in (added, later, last, '"""Nothing any more."""\n'):
        models.write_text(text)
        before = {*(project / "migrations/versions").glob("*.py")}
        done = alembic(
            project, environment, url,
            "revision --autogenerate -m orders", "upgrade head", "check",
            "downgrade -1", "upgrade head", "check",
        )  # fmt: skip
        (written,) = {*(project / "migrations/versions").glob("*.py")} - before
        assert not re.search(r"\bapp\b", written.read_text()), written.read_text()
        assert "Warning" not in done.stdout
    alembic(project, environment, url, "downgrade base", "upgrade head", "check")
    run(environment / "ruff", "check", "--no-cache", cwd=project)
    run(environment / "ruff", "format", "--check", "--no-cache", cwd=project)
    run(environment / "mypy", "--cache-dir", environment.parent / "mypy_cache", cwd=project)


@pytest.mark.parametrize(
    "tried", everyday(DRIVERS, "psycopg2", "aiosqlite", "mysql+mysqldb"), ids=str
)
def test_the_tests_miss_a_revision_of_models_that_nothing_imports_yet(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    """They fail, as they do for a schema where the database has none."""
    project = shutil.copytree(projects[tried], tmp_path / "my-api")
    models = project / "app/orders/models.py"
    models.parent.mkdir()
    models.write_text(changed(MODELS, {"SCHEMA: str | None = None": 'SCHEMA = "sales"'}))
    tests = ["tests/guarantees/test_migrations.py", "tests/guarantees/test_autogenerate.py"]
    done = run(
        environment / "python", "-m", "pytest", "-q", "-k", "models_say or names_a_schema", *tests,
        cwd=project, check=False, DATABASE_URL=database_url(tried, "my_api_missed"),
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "New upgrade operations detected" in done.stdout
    refused = "A schema would be another database here" in done.stdout
    assert refused == (tried.database != "postgresql"), done.stdout
