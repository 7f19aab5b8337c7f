"""A field of a domain, as it is asked for and as it is written."""

from dataclasses import dataclass


class RefusedError(Exception):
    """A domain cannot be made; `sentences` say why."""

    def __init__(self, *sentences: str) -> None:
        """Keep one sentence for each reason."""
        super().__init__(*sentences)
        self.sentences = sentences


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A field as it is asked for."""

    name: str
    kind: str
    arguments: tuple[str, ...] = ()  # in parentheses; of a reference, its table
    minimum: str = ""
    maximum: str = ""
    optional: bool = False
    unique: bool = False
    index: bool = False


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field as it is written; types, values and definitions are Python code."""

    asked: Asked
    column: str  # also the name in JSON
    python: str  # the type of the attribute
    stored: str = ""  # the type of the column, if `python` does not say it
    constant: str = ""  # a definition in `models.py`
    labels: tuple[str, ...] = ()  # of an Enum
    alias: str = ""  # a definition in `schemas.py`
    schema: str  # the type in a request body
    parameter: str = ""  # the type in a query, by which a list is filtered
    samples: tuple[str, str] = ("", "")  # two values in JSON
    invalid: tuple[str, ...] = ()  # values in JSON
    numbered: str = ""  # a function that makes a different value of each number
    target: str = ""  # of a reference: the table
    imported: str = ""  # the line that imports its model
    model: str = ""
    variable: str = ""  # a stored row in a test
    key: str = ""  # its key, in JSON
    missing: str = ""  # a key without a row, in JSON

    @property
    def words(self) -> str:
        """The name in a sentence."""
        return self.asked.name.replace("_", " ")

    @property
    def defined(self) -> str:
        """What `models.py` defines for this field, besides the column."""
        return self.python if self.labels else self.constant.partition(" ")[0]

    @property
    def read(self) -> str:
        """The type of what is read."""
        return f"{self.python} | None" if self.asked.optional else self.python

    @property
    def mapped(self) -> str:
        """The attribute of the model."""
        arguments = [self.stored] if self.stored else []
        arguments += ["unique=True"] * self.asked.unique + ["index=True"] * self.asked.index
        value = f" = mapped_column({', '.join(arguments)})" if arguments else ""
        return f"{self.column}: Mapped[{self.read}]{value}"

    @property
    def filter(self) -> str:
        """The type of the query parameter, if the list has one."""
        return self.parameter if self.asked.index else ""

    @property
    def checks(self) -> list[tuple[str, str]]:
        """The conditions in the table, each with a name."""
        found = []
        for sign, word, bound in (
            (">=", "min", self.asked.minimum),
            ("<=", "max", self.asked.maximum),
        ):
            name = f"{self.column}_{word}_{bound}".replace("-", "minus_").replace(".", "_")
            if (sign, bound) == (">=", "0"):
                name = f"{self.column}_not_negative"
            if bound:
                found.append((f"{self.column} {sign} {bound}", name))
        return found

    def constraints(self, table: str) -> list[str]:
        """The names of the constraints and the index of this field."""
        found = [f"uq_{table}_{self.column}"] * self.asked.unique
        found += [f"ix_{table}_{self.column}"] * self.asked.index
        found += [f"fk_{table}_{self.column}_{self.target}"] * bool(self.target)
        return found + [f"ck_{table}_{name}" for _, name in self.checks]
