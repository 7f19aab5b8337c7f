"""Statements that change the members of a PostgreSQL Enum type."""

import re
from typing import NamedTuple

from app.database.migrations.enums import EnumColumn, QualifiedName, Quote


class Change(NamedTuple):
    """A change of the members of an Enum type, with the columns that use it before and after."""

    name: QualifiedName
    old: list[str]
    new: list[str]
    before: list[EnumColumn]
    after: list[EnumColumn]


def create_type(name: QualifiedName, members: list[str], quote: Quote) -> str:
    """Return the statement that creates an Enum type."""
    return f"CREATE TYPE {name.written(quote)} AS ENUM ({', '.join(map(literal, members))})"


def literal(member: str) -> str:
    """Quote a member for `op.execute`, and escape colons: those begin parameter names."""
    return "'{}'".format(re.sub(r":(?=\w)", r"\:", member.replace("'", "''")))


def change_members(change: Change, quote: Quote) -> list[str]:
    """Return the statements that change the members of an Enum type.

    New members are added with ADD VALUE. PostgreSQL cannot remove a member, change the order, or
    use a new member as a default in the same transaction. In these cases a new type is created,
    and every table that uses the type is rewritten.
    """
    name, old, new = change.name, change.old, change.new
    written = name.written(quote)
    added = [it for it in new if it not in old]
    if [it for it in new if it in old] == old and not any(
        default_uses(it, added) for it in change.after
    ):
        return [f"ALTER TYPE {written} ADD VALUE {place(it, old, new)}" for it in added]
    former = name._replace(name=f"{name.name}_old")
    statements = [
        f"ALTER TYPE {written} RENAME TO {quote(former.name)}",
        create_type(name, new, quote),
    ]
    removed = [it for it in old if it not in new]
    for it in change.before:
        alter = f"ALTER TABLE {it.table.written(quote)} ALTER COLUMN {quote(it.column)}"
        kind = f"{written}{it.brackets}"
        cast = f"{alter} TYPE {kind} USING {quote(it.column)}::text{it.brackets}::{kind}"
        statements += [f"{alter} DROP DEFAULT", cast] if it.default else [cast]
        if it.default and not default_uses(it, removed):
            statements.append(f"{alter} SET DEFAULT {it.default}")
    return [*statements, f"DROP TYPE {former.written(quote)}"]


def default_uses(column: EnumColumn, members: list[str]) -> bool:
    """Return whether the default of a column uses one of the members."""
    return any(literal(it) in (column.default or "") for it in members)


def place(member: str, old: list[str], new: list[str]) -> str:
    """Return a new member and its position, as ADD VALUE expects them."""
    position = new.index(member)
    if position == 0:
        return f"{literal(member)} BEFORE {literal(old[0])}"
    return f"{literal(member)} AFTER {literal(new[position - 1])}"
