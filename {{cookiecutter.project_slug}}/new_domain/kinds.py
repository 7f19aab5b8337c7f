"""The kinds of fields: how each is stored, and what a request may have."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from new_domain import limits
from new_domain.fields import Asked, Field, RefusedError
from new_domain.names import Domain
from new_domain.numeric import decimal, integer
from new_domain.references import reference
from new_domain.texts import short_text, text

LABEL = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of field, and what it can have."""

    usage: str
    make: Callable[[Asked, Domain], Field]
    arguments: bool = False
    bounds: bool = False
    index: bool = True
    unique: bool = True


def make(asked: Asked, domain: Domain) -> Field:
    """Make a field; raises `RefusedError`."""
    if asked.kind not in KINDS:
        usages = ", ".join(it.usage for it in KINDS.values())
        raise RefusedError(f"{asked.name}: {asked.kind} is no kind of field; there are {usages}.")
    mistakes = [f"{asked.name}: {it}" for it in mistakes_in(asked, KINDS[asked.kind])]
    if mistakes:
        raise RefusedError(*mistakes)
    return KINDS[asked.kind].make(asked, domain)


def mistakes_in(asked: Asked, kind: Kind) -> Iterator[str]:
    """Say what this kind cannot have."""
    if asked.arguments and not kind.arguments:
        yield f"{asked.kind} has nothing in parentheses."
    if (asked.minimum or asked.maximum) and not kind.bounds:
        yield "only int and Decimal have a minimum or a maximum."
    if asked.unique and asked.index:
        yield "unique has an index already: leave out index."
    if asked.index and not kind.index:
        yield f"{asked.kind} cannot have an index: leave out index."
    if asked.unique and not kind.unique:
        yield f"{asked.kind} cannot be unique: leave out unique."


def choice(asked: Asked, domain: Domain) -> Field:
    """Make one of a few labels."""
    labels = asked.arguments
    right = all(LABEL.fullmatch(it) and len(it) <= limits.LABEL for it in labels)
    if not labels or not right or len({*labels}) < len(labels):
        raise RefusedError(
            f"{asked.name}: write Enum(open,paid), with different labels of lower-case letters,"
            f" digits and underscores, each of at most {limits.LABEL} characters."
        )
    name = f"{domain.owner}{domain.class_name(asked.name).removeprefix(domain.owner)}"
    return Field(
        asked=asked,
        column=asked.name,
        python=name,
        labels=labels,
        schema=name,
        parameter=name,
        samples=(f'"{labels[0]}"', f'"{labels[-1]}"'),
        invalid=('"no label"', "1"),
    )


def plain(
    asked: Asked,
    _domain: Domain,
    python: str,
    *,
    schema: str = "",
    stored: str = "",
    parameter: str = "",
    samples: tuple[str, str],
    invalid: tuple[str, ...],
    numbered: str = "",
) -> Field:
    """Make a field of a kind without options."""
    return Field(
        asked=asked,
        column=asked.name,
        python=python,
        schema=schema or python,
        stored=stored,
        parameter=parameter,
        samples=samples,
        invalid=invalid,
        numbered=numbered,
    )


KINDS = {
    "str": Kind(usage="str(n)", make=short_text, arguments=True),
    "text": Kind(
        usage="text",
        make=partial(text, stored="Text", length=limits.TEXT),
        index=False,
        unique=False,
    ),
    "int": Kind(usage="int", make=integer, bounds=True),
    "Decimal": Kind(usage="Decimal(digits,places)", make=decimal, arguments=True, bounds=True),
    "bool": Kind(
        usage="bool",
        make=partial(
            plain,
            python="bool",
            schema="StrictBool",
            parameter="bool",
            samples=("True", "False"),
            invalid=("1", '"true"'),
        ),
        unique=False,
    ),
    "date": Kind(
        usage="date",
        make=partial(
            plain,
            python="date",
            parameter="date",
            samples=('"2026-01-31"', '"2026-02-28"'),
            invalid=('"2026-02-30"', "True"),
            numbered="lambda number: date(2000, 1, 1) + timedelta(days=number)",
        ),
    ),
    "datetime": Kind(
        usage="datetime",
        make=partial(
            plain,
            python="datetime",
            schema="AwareDatetime",
            samples=('"2026-01-31T12:00:00Z"', '"2026-02-28T12:00:00.123456Z"'),
            invalid=('"2026-01-31T12:00:00"', "True"),
            numbered="lambda number: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(hours=number)",
        ),
    ),
    "Enum": Kind(usage="Enum(open,paid)", make=choice, arguments=True, unique=False),
    "uuid": Kind(
        usage="uuid",
        make=partial(
            plain,
            python="uuid.UUID",
            parameter="uuid.UUID",
            samples=(
                '"0b3a7c2e-5d1f-4e8a-9c6b-2f7d8e9a0b1c"',
                '"7e6d5c4b-3a29-4817-8605-f4e3d2c1b0a9"',
            ),
            invalid=('"x"', "1"),
        ),
    ),
    "json": Kind(
        usage="json",
        make=partial(
            plain,
            python="dict[str, Any]",
            schema="Json",
            stored="JSON",
            samples=('{"size": "large", "tags": [1, None]}', "{}"),
            invalid=("[]", '"x"'),
        ),
        index=False,
        unique=False,
    ),
    "->": Kind(usage="->table", make=reference, arguments=True),
}
