"""The names of a domain and of its fields, and why a name is refused."""

import builtins
import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass

import inflect
from pydantic import BaseModel

from app.database import Base
from new_domain import limits
from new_domain.fields import Asked, RefusedError
from new_domain.project import MODELS, PATHS, SQL_WORDS, TABLES, TEMPLATES, existing

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

# What the modules in `templates/` import, and what they define in capitals.
IMPORTED = re.compile(r"^(?:from [\w.]+ )?import (.+)", re.MULTILINE)
DEFINED = re.compile(r"^(?:class )?([A-Z]\w+)", re.MULTILINE)


def names_in(*templates: str) -> frozenset[str]:
    """Return the names that templates import or define."""
    text = "\n".join((TEMPLATES / it).read_text(encoding="utf-8") for it in templates)
    found = [*IMPORTED.findall(text), *DEFINED.findall(text)]
    return frozenset(name for names in found for name in names.split(", "))


USED = names_in(*(path.name for path in TEMPLATES.iterdir()))
TYPES = frozenset({"date", "datetime", "uuid"})
PARAMETERS = frozenset({"cursor", "limit", "page", "query", "reader", "service", "session"})
VARIABLES = (
    PARAMETERS
    | {"created", "data", "found", "name", "router", "status", "value"}
    | names_in("service.py.jinja", "router.py.jinja")
)


def camel_case(name: str) -> str:
    """Return the name as that of a class: `order_line` as `OrderLine`."""
    return "".join(part.capitalize() for part in name.split("_"))


@dataclass(frozen=True)
class Domain:
    """The names of a domain, such as `order_lines`."""

    plural: str
    singular: str

    @property
    def owner(self) -> str:
        """The class of one: `OrderLine`."""
        return camel_case(self.singular)

    @property
    def path(self) -> str:
        """The path of the routes: `order-lines`."""
        return self.plural.replace("_", "-")

    @property
    def words(self) -> str:
        """Many of them in a sentence: `order lines`."""
        return self.plural.replace("_", " ")

    @property
    def one(self) -> str:
        """One of them in a sentence: `order line`."""
        return self.singular.replace("_", " ")

    @property
    def article(self) -> str:
        """The article of one: `a` or `an`."""
        return str(inflect.engine().a(self.one)).split()[0]

    def class_name(self, field: str) -> str:
        """Name the type of a field: `Name`, or `OrderName` if `Name` could be something else."""
        name = camel_case(field)
        return f"{self.owner}{name}" if name in USED or self.owner in name else name


def domain_of(plural: str, singular: str | None) -> Domain:
    """Name a domain; raises `RefusedError`."""
    mistakes = [*mistakes_in_column(plural)]
    if not mistakes and singular is None:
        singular = singular_of(plural)
        if singular is None:
            mistakes = [f"The singular of {plural} is not clear: add --singular NAME."]
    if singular is not None:
        mistakes += mistakes_in(singular)
    if mistakes or singular is None:
        raise RefusedError(*mistakes)
    domain = Domain(plural, singular)
    if mistakes := [*conflicts(domain)]:
        raise RefusedError(*mistakes)
    return domain


def singular_of(plural: str) -> str | None:
    """Return the singular of an English noun, or None if it is not clear."""
    nouns = inflect.engine()
    singular = nouns.singular_noun(plural)
    clear = singular and singular != plural and nouns.plural_noun(singular) == plural
    return str(singular) if clear else None


def mistakes_in(name: str) -> Iterator[str]:
    """Say why a name is refused, whatever it names."""
    if not NAME.fullmatch(name):
        yield f"{name!r} is not a name: use lower-case letters, digits and single underscores."
    elif len(name) > limits.NAME:
        yield f"{name} has {len(name)} characters: use at most {limits.NAME}."
    elif keyword.iskeyword(name) or hasattr(builtins, name):
        yield f"{name} is a name in Python: use another one, or --singular NAME for the domain."


def mistakes_in_column(name: str) -> Iterator[str]:
    """Say why the name of a table or a column is refused."""
    yield from mistakes_in(name)
    if name in SQL_WORDS:
        yield f"{name} is a word of SQL: use another name."


def conflicts(domain: Domain) -> Iterator[str]:
    """Say which names of a domain are used already."""
    if domain.singular == domain.plural:
        yield f"{domain.singular} is the plural too: use another name for --singular."
    for path in existing(domain.plural):
        yield f"{path} exists already: use another name, or delete it first."
    if domain.plural in TABLES:
        yield f"There is a table {domain.plural} already: use another name."
    if domain.path in PATHS:
        yield f"There are routes below /{domain.path} already: use another name."
    if domain.owner in MODELS:
        yield f"There is a model {domain.owner} already: use another name, or --singular NAME."
    if domain.owner in USED or domain.singular in VARIABLES:
        yield (
            f"The generated code needs {domain.singular} for something else:"
            " use another name, or --singular NAME."
        )


def mistakes_in_field(asked: Asked) -> Iterator[str]:
    """Say why the name of a field is refused."""
    yield from mistakes_in(asked.name) if asked.kind == "->" else mistakes_in_column(asked.name)
    if asked.name in TYPES | {"id"} or hasattr(Base, asked.name):
        yield f"Every model needs {asked.name} for something else: use another name."
    elif hasattr(BaseModel, asked.name):
        yield f"{asked.name} is a name in pydantic's models: use another."
    elif asked.index and asked.name in PARAMETERS:
        yield f"A list cannot be filtered by {asked.name}: use another name, or no index."
