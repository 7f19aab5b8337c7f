"""The choices of the template, read from `cookiecutter.json`."""

import json
from collections import OrderedDict
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from allpairspy import AllPairs

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"
QUESTIONS = json.loads((ROOT / "cookiecutter.json").read_text())
DATABASES = QUESTIONS["_databases"]


def choices(question: str) -> list[str]:
    """Return the answers that an optional question accepts."""
    default = QUESTIONS[question]
    return default if isinstance(default, list) else ["yes", "no"]


@dataclass(frozen=True)
class Combination:
    """One answer to each question that shapes a project."""

    session: str
    database: str
    driver: str
    options: tuple[str, ...]  # in the order of `_options`

    def __str__(self) -> str:
        """Return the id of a test's parameter."""
        return "-".join([self.session, self.database, self.driver, *self.chosen])

    @property
    def answers(self) -> dict[str, str]:
        """The answers to pass to Cookiecutter."""
        usual = {"session": self.session, "database": self.database, "driver": self.driver}
        return usual | dict(zip(QUESTIONS["_options"], self.options, strict=True))

    @property
    def chosen(self) -> list[str]:
        """The overlays of optional answers: the name of the question for a yes, else the choice."""
        named = zip(QUESTIONS["_options"], self.options, strict=True)
        return [key if it == "yes" else it for key, it in named if it not in {"no", "none"}]

    @property
    def overlays(self) -> list[str]:
        """The overlays of this combination, without those that need two answers."""
        row = DATABASES[self.database][self.session][self.driver]
        return [self.session, *row["overlays"], *self.chosen]


def pairwise() -> list[Combination]:
    """Return combinations that contain every pair of answers, and every driver of each variant."""
    drivers = {
        (session, database): cycle(row[session])
        for database, row in DATABASES.items()
        for session in QUESTIONS["session"]
    }
    questions = ["session", "database", *QUESTIONS["_options"]]
    factors = OrderedDict((question, choices(question)) for question in questions)
    rows = [
        Combination(session, database, next(drivers[session, database]), tuple(options))
        for session, database, *options in AllPairs(factors)
    ]
    met = {(it.session, it.database, it.driver) for it in rows}
    usual = tuple(choices(question)[0] for question in QUESTIONS["_options"])
    for database, row in DATABASES.items():
        for session in QUESTIONS["session"]:
            left = [it for it in row[session] if (session, database, it) not in met]
            rows += [Combination(session, database, driver, usual) for driver in left]
    order = list(DATABASES)
    return sorted(rows, key=lambda it: (order.index(it.database), it.session))


def first_of_each(combinations: list[Combination], *keys: str) -> list[Combination]:
    """Return the first combination for each different answer to some questions."""
    found = {tuple(getattr(it, key) for key in keys): it for it in reversed(combinations)}
    return [it for it in combinations if it in found.values()]


# A covering array: every pair of answers is tested in some project.
COMBINATIONS = pairwise()
# Each driver of each variant on each of its databases, once.
DRIVERS = first_of_each(COMBINATIONS, "session", "database", "driver")
# The default driver of each variant on each database.
USUAL = [it for it in DRIVERS if it.driver == next(iter(DATABASES[it.database][it.session]))]
# Each driver of each variant, on one of its databases.
INSTALLED = first_of_each(DRIVERS, "session", "driver")
