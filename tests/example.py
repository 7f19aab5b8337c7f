"""Deletes the example by the commands in the README of a project."""

import re
from pathlib import Path

from processes import run


def recipe(project: Path) -> list[str]:
    """Return the commands of the README: for the code, for its revision, for a database with it."""
    _, _, section = (project / "README.md").read_text().partition("## Delete the example")
    return re.findall(r"```console\n(.*?)```", section, re.DOTALL)


def delete_example(project: Path) -> None:
    """Delete the code and the two lines that the README names."""
    run("sh", "-c", recipe(project)[0], cwd=project)
    main = project / "app/main.py"
    lines = main.read_text().splitlines(keepends=True)
    kept = [line for line in lines if "items_router" not in line]
    assert len(lines) - len(kept) == 2
    main.write_text("".join(kept))


def drop_example(project: Path, environment: Path, url: str) -> None:
    """Write and run the revision that drops the table from a database."""
    for command in recipe(project)[2].splitlines():
        words = re.findall(r'"[^"]*"|\S+', command.removeprefix("uv run alembic "))
        run(
            environment / "alembic", *(it.strip('"') for it in words), cwd=project, DATABASE_URL=url
        )
