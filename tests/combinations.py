"""The choices that the template offers, read from its own table."""

import json
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"
QUESTIONS = json.loads((ROOT / "cookiecutter.json").read_text())
DATABASES = QUESTIONS["_databases"]


@dataclass(frozen=True)
class Combination:
    """One answer to each of the three questions that shape a project."""

    session: str
    database: str
    driver: str

    def __str__(self) -> str:
        """Name the parameter of a test."""
        return f"{self.session}-{self.database}-{self.driver}"

    @property
    def answers(self) -> dict[str, str]:
        """What to give to Cookiecutter."""
        return {"session": self.session, "database": self.database, "driver": self.driver}

    @property
    def overlays(self) -> list[str]:
        """The overlays that the table names."""
        overlays: list[str] = DATABASES[self.database][self.session][self.driver]["overlays"]
        return overlays


COMBINATIONS = [
    Combination(session, database, driver)
    for database, row in DATABASES.items()
    for session in QUESTIONS["session"]
    for driver in row[session]
]

USUAL = [it for it in COMBINATIONS if it.driver == next(iter(DATABASES[it.database][it.session]))]


def covering(combinations: list[Combination]) -> list[Combination]:
    """Pick combinations in which every database, and every driver of each colour, appears."""
    picked: list[Combination] = []
    for it in combinations:
        databases = {(p.session, p.database) for p in picked}
        drivers = {(p.session, p.driver) for p in picked}
        if (it.session, it.database) not in databases or (it.session, it.driver) not in drivers:
            picked.append(it)
    return picked
