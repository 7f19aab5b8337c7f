"""References to the keys of other tables."""

from dataclasses import replace
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, String, Uuid
from sqlalchemy.types import TypeEngine

from app.database import Base
from new_domain.fields import Asked, Field, RefusedError
from new_domain.names import USED, VARIABLES, Domain
from new_domain.project import TABLES, model_of

MISSING = {
    "int": "2**31 - 1",
    "str": '"missing"',
    "uuid.UUID": '"00000000-0000-0000-0000-000000000000"',
}
KEY = "Annotated[int, Field(strict=True, ge=1, le={})]"


def reference(asked: Asked, domain: Domain) -> Field:
    """Make a column with the key of another row; raises `RefusedError`."""
    asked = replace(asked, index=not asked.unique)
    column = asked.name if asked.name.endswith("_id") else f"{asked.name}_id"
    target = asked.arguments[0]
    if target == domain.plural:
        if not asked.optional:
            raise RefusedError(f"{asked.name}: the first row could not be stored: add ?.")
        stored, imported, model, attribute = f'ForeignKey("{target}.id")', "", "", "id"
        python, schema = "int", KEY.format("MAX_INTEGER")
    else:
        entity, key = key_of(asked.name, target)
        model, attribute = entity.__name__, entity.__mapper__.get_property_by_column(key).key
        stored, imported = (
            f"ForeignKey({model}.{attribute})",
            f"from {entity.__module__} import {model}",
        )
        python, schema = types_of(asked.name, key.type)
    variable = column if asked.name in VARIABLES | USED else asked.name
    alias = "" if schema == python else domain.class_name(column)
    return Field(
        asked=asked,
        column=column,
        python=python,
        stored=stored,
        alias=f"{alias} = {schema}" if alias else "",
        schema=alias or schema,
        parameter=alias if python == "str" else python,
        invalid=('"a\\0b"', "[]"),
        target=target,
        imported=imported,
        model=model,
        variable=variable,
        key=f"str({variable}.{attribute})" if python == "uuid.UUID" else f"{variable}.{attribute}",
        missing=MISSING[python],
    )


def key_of(name: str, target: str) -> tuple[type[Base], Column[Any]]:
    """Return the model of a table, and its key; raises `RefusedError`."""
    table = TABLES.get(target)
    model = None if table is None else model_of(table)
    if table is None or model is None:
        known = ", ".join(sorted(TABLES)) or "none"
        raise RefusedError(f"{name}: no model has the table {target}; the tables are: {known}.")
    if len(table.primary_key) != 1:
        raise RefusedError(f"{name}: the key of {target} has more than one column.")
    return model, table.primary_key.columns[0]


def types_of(name: str, kind: TypeEngine[Any]) -> tuple[str, str]:
    """Return the Python type of a key, and its type in a request; raises `RefusedError`."""
    if isinstance(kind, Integer):
        return "int", KEY.format("2**63 - 1" if isinstance(kind, BigInteger) else "MAX_INTEGER")
    if isinstance(kind, Uuid):
        return "uuid.UUID", "uuid.UUID"
    if isinstance(kind, String) and kind.length:
        return "str", f"Annotated[Text, StringConstraints(max_length={kind.length})]"
    raise RefusedError(
        f"{name}: a key of the type {kind!r} is not supported: add the column by hand."
    )
