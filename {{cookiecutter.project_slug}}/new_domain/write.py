"""Writes a domain in a temporary folder, checks it there, and moves it into the project."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from new_domain.fields import Field, RefusedError
from new_domain.names import Domain
from new_domain.project import ROOT, TEMPLATES
from new_domain.routers import with_router

FILES = {
    "models.py.jinja": "app/{0}/models.py",
    "schemas.py.jinja": "app/{0}/schemas.py",
    "service.py.jinja": "app/{0}/service.py",
    "router.py.jinja": "app/{0}/router.py",
    "factories.py.jinja": "tests/{0}/factories.py",
    "tests.py.jinja": "tests/{0}/test_{0}.py",
}
MAIN = "app/main.py"
IGNORED = shutil.ignore_patterns("__pycache__")

# Python and the paths of routes are full of braces.
JINJA = Environment(
    loader=FileSystemLoader(TEMPLATES),
    variable_start_string="<<",
    variable_end_string=">>",
    block_start_string="<%",
    block_end_string="%>",
    comment_start_string="<#",
    comment_end_string="#>",
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701  # it writes Python
)


def context(domain: Domain, fields: Sequence[Field], *, bulk: bool) -> dict[str, object]:
    """Return the variables of the templates: `Thing` is `OrderLine` in the domain `order_lines`."""
    return {
        "Thing": domain.owner,
        "thing": domain.singular,
        "things": domain.plural,
        "path": domain.path,
        "words": domain.words,
        "one": domain.one,
        "article": domain.article,
        "fields": fields,
        "bulk": bulk,
        "checks": [check for field in fields for check in field.checks],
        "defined": [field.defined for field in fields if field.defined],
        "enums": [field.python for field in fields if field.labels],
        "required": [field.column for field in fields if not field.asked.optional],
        "filters": [field for field in fields if field.filter],
        "uniques": [field for field in fields if field.asked.unique],
        "optional": [field.column for field in fields if field.asked.optional],
        "references": [field for field in fields if field.target],
        "parents": [field for field in fields if field.imported],
        "tested_filters": [
            field.column
            for field in fields
            if field.filter and (field.imported or field.samples[0] != field.samples[1])
        ],
        "conflicts": [field for field in fields if field.asked.unique or field.target],
    }


def write(domain: Domain, fields: Sequence[Field], *, bulk: bool) -> bool:
    """Add a domain to the project; return whether `app/main.py` includes its router.

    Raises `RefusedError`, and changes nothing, if the new files fail their checks.
    """
    packages = [f"app/{domain.plural}", f"tests/{domain.plural}"]
    main = with_router((ROOT / MAIN).read_text(encoding="utf-8"), domain)
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(ROOT / "pyproject.toml", folder)
        for package in ("app", "tests"):
            shutil.copytree(ROOT / package, folder / package, ignore=IGNORED)
        for package in packages:
            (folder / package).mkdir()
            (folder / package / "__init__.py").touch()
        variables = context(domain, fields, bulk=bulk)
        for template, path in FILES.items():
            try:
                text = JINJA.get_template(template).render(variables)
            except TemplateError as error:
                raise RefusedError(f"templates/{template} is not valid: {error}.") from error
            (folder / path.format(domain.plural)).write_text(text, encoding="utf-8", newline="\n")
        if main is not None:
            (folder / MAIN).write_text(main, encoding="utf-8", newline="\n")
        check(folder, packages)
        move(folder, packages, with_main=main is not None)
    return main is not None


def check(folder: Path, packages: list[str]) -> None:
    """Format the new files, and run the linter and the type checker on them."""
    run(folder, "ruff", "check", "--quiet", "--fix", "--exit-zero", *packages)
    run(folder, "ruff", "check", "--quiet", "--fix", "--exit-zero", "--select=I", MAIN)
    run(folder, "ruff", "format", "--quiet", *packages)
    linted = run(folder, "ruff", "check", "--quiet", "--output-format=concise", *packages)
    typed = run(folder, "mypy", "--no-error-summary", *packages)
    found = [*linted.splitlines(), *typed.splitlines()]
    mine = [line for line in found if line.replace(os.sep, "/").startswith(tuple(packages))]
    if mine:
        raise RefusedError("The new files would fail `uv run poe check`:", *mine)


def run(folder: Path, tool: str, *arguments: str) -> str:
    """Run a tool in a folder, and return its output."""
    command = [sys.executable, "-m", tool, *arguments]
    environment = {"MYPY_CACHE_DIR": str(ROOT / ".mypy_cache")} | os.environ
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in {0, 1}:
        raise RefusedError(f"{tool} failed: {done.stdout}{done.stderr}")
    return done.stdout


def move(folder: Path, packages: list[str], *, with_main: bool) -> None:
    """Move the packages into the project, and `app/main.py`, all or none."""
    moved = []
    try:
        for package in packages:
            moved.append(ROOT / package)
            shutil.copytree(folder / package, ROOT / package, ignore=IGNORED)
        if with_main:
            shutil.copy(folder / MAIN, ROOT / MAIN)
    except BaseException:
        for path in moved:
            shutil.rmtree(path, ignore_errors=True)
        raise
