"""How the members of a PostgreSQL Enum type change."""

import re
from typing import NamedTuple

from app.database.migrations.enums import Named, Quote, Using


class Change(NamedTuple):
    """A change of the members of an Enum type, with the columns that use it before and after."""

    name: Named
    old: list[str]
    new: list[str]
    before: list[Using]
    after: list[Using]


def create_type(name: Named, members: list[str], quote: Quote) -> str:
    """Write the statement that creates an Enum type."""
    return f"CREATE TYPE {name.written(quote)} AS ENUM ({', '.join(map(literal, members))})"


def literal(member: str) -> str:
    """Write a member for `op.execute`, to which a colon begins the name of a parameter."""
    return "'{}'".format(re.sub(r":(?=\w)", r"\:", member.replace("'", "''")))


def change_members(change: Change, quote: Quote) -> list[str]:
    """Write what changes the members of an Enum type.

    New ones are added in their places, but cannot be a default in the same transaction. For that,
    to take one away, or for another order, there has to be another type, and every table that
    uses it is written anew.
    """
    name, old, new = change.name, change.old, change.new
    written = name.written(quote)
    added = [it for it in new if it not in old]
    if [it for it in new if it in old] == old and not any(names(it, added) for it in change.after):
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
        if it.default and not names(it, removed):
            statements.append(f"{alter} SET DEFAULT {it.default}")
    return [*statements, f"DROP TYPE {former.written(quote)}"]


def names(column: Using, members: list[str]) -> bool:
    """Tell whether the default of a column is one of the members."""
    return any(literal(it) in (column.default or "") for it in members)


def place(member: str, old: list[str], new: list[str]) -> str:
    """Write a new member of an Enum type and where it belongs."""
    position = new.index(member)
    if position == 0:
        return f"{literal(member)} BEFORE {literal(old[0])}"
    return f"{literal(member)} AFTER {literal(new[position - 1])}"
