"""Parses the fields: `name:str(100) unique, price:Decimal(10,2)>=0, due:datetime?`."""

import re

from new_domain.fields import Asked, RefusedError

COMMA = re.compile(r",(?![^(]*\))")  # outside of parentheses
NUMBER = r"-?[0-9]{1,80}(?:\.[0-9]{1,40})?"
FIELD = re.compile(
    r"(?P<name>\w+)\s*:\s*"
    r"(?:->\s*(?P<table>[\w.]+)|(?P<kind>\w+)(?:\((?P<arguments>[^()]*)\))?)"
    rf"(?:\s*>=\s*(?P<minimum>{NUMBER}))?(?:\s*<=\s*(?P<maximum>{NUMBER}))?"
    r"(?P<optional>\s*\?)?(?P<flags>(?:\s+(?:unique|index))*)",
    re.ASCII,
)


def parse(text: str) -> list[Asked]:
    """Return the fields; raises `RefusedError`."""
    fields, mistakes = [], []
    for part in COMMA.split(text):
        found = FIELD.fullmatch(part.strip())
        if found:
            fields.append(asked(found))
        else:
            mistakes.append(
                f"{part.strip()!r} is not a field: write name:kind, then >=minimum, <=maximum, ?"
                " if it may be null, unique or index, in this order and without the others."
            )
    if mistakes:
        raise RefusedError(*mistakes)
    return fields


def asked(found: re.Match[str]) -> Asked:
    """Return the field that the expression has found."""
    arguments = found["table"] or found["arguments"] or ""
    flags = found["flags"].split()
    return Asked(
        name=found["name"],
        kind=found["kind"] or "->",
        arguments=tuple(it.strip() for it in arguments.split(",") if arguments),
        minimum=found["minimum"] or "",
        maximum=found["maximum"] or "",
        optional=found["optional"] is not None,
        unique="unique" in flags,
        index="index" in flags,
    )
