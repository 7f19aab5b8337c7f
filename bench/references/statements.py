"""The same statements in the parameter style of each driver."""

import re
from dataclasses import dataclass

COLUMNS = ("id", "name", "category", "quantity")


@dataclass
class Statements:
    """The statements of the references."""

    get: str
    list: str
    insert: str
    update: str
    store: str


PLAIN = Statements(
    get="SELECT id, name, category, quantity FROM items WHERE id = ?",
    list="SELECT id, name, category, quantity FROM items ORDER BY id LIMIT ?",
    insert="INSERT INTO items (name, category, quantity) VALUES (?, ?, ?) RETURNING id",
    update="UPDATE items SET quantity = ? WHERE id = ?",
    store="INSERT INTO items (name, category, quantity) VALUES (?, ?, ?)",
)


def of(driver: str) -> Statements:
    """Return the statements for a driver."""

    def styled(statement: str) -> str:
        if driver in {"aiosqlite", "pysqlite"}:
            return statement
        if driver == "asyncpg":
            numbers = iter(range(1, 10))
            return re.sub(r"\?", lambda _: f"${next(numbers)}", statement)
        return statement.replace("?", "%s")

    return Statements(**{name: styled(text) for name, text in vars(PLAIN).items()})
