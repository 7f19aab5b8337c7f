"""What the texts of a project name exists: commands, files, sections, skills."""

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from combinations import Combination
from processes import run

# Inline code, and lines of a `console` block.
CODE = re.compile(r"`([^`\n]+)`")
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
PYTHON = re.compile(r"```python\n.*?```", re.DOTALL)
COMMAND = re.compile(r"(?:[A-Z_]+=\S+ )*uv run (.+)")
ADDED = re.compile(r"^uv add ([\w-]+)", re.MULTILINE)
PATH = re.compile(r"[\w.-]+(?:/[\w.-]*)*")
FILE = re.compile(r"\.\w.*|.+\.(?:md|py|toml|ya?ml)")
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
SECTION = re.compile(r'`([\w/]+\.md)`, section\s+"([^"]+)"')
# Domains that the texts write about: the project does not have them yet.
IMAGINED = re.compile(r"orders|users|<|…")
# Files that the reader makes, or the first `uv run`.
MADE = {".env", "jobs.py", "uv.lock"}
# What `AGENTS.md` corrects in FastAPI's skill. If a newer FastAPI changed it, change `AGENTS.md` too.
CORRECTED = [
    'Use the default scope `"request"`',
    "db.query(Item).all()",
    "Use `max_concurrency`",
    "Prefer it over SQLAlchemy",
    "by default, use regular `def`",
    "Prefer it over `run_in_threadpool()`",
    "Deploy with `uv run fastapi deploy`",
]


def texts(project: Path) -> dict[Path, str]:
    """Return the texts of a project, also those for agents, without Python that is to be copied."""
    files = [project / "README.md", project / "AGENTS.md", *project.glob("docs/*.md")]
    files += project.glob(".agents/skills/*/SKILL.md")
    return {path: PYTHON.sub("", path.read_text(encoding="utf-8")) for path in files}


def commands(text: str) -> Iterator[list[str]]:
    """Return the words that follow `uv run`, in each command."""
    lines = [line for block in CONSOLE.findall(text) for line in block.splitlines()]
    for line in [*lines, *CODE.findall(text)]:
        if command := COMMAND.fullmatch(line.strip()):
            yield shlex.split(command[1], comments=True)


def slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def headings(path: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture(scope="session")
def alembic_commands(environment: Path) -> set[str]:
    usage = run(environment / "alembic", "--help", cwd=environment).stdout
    return {*re.split(r"[,\s]+", re.findall(r"\{([\w,\s]+)\}", usage)[0])}


@pytest.fixture
def exists(project: Path, alembic_commands: set[str]) -> Callable[[list[str]], bool]:
    """A function that tells whether a project can run a command."""
    configuration: dict[str, Any] = tomllib.loads(
        (project / "pyproject.toml").read_text(encoding="utf-8")
    )
    known: dict[str, Callable[[list[str]], bool]] = {
        "--group": lambda rest: rest[0] in configuration["dependency-groups"] and exists(rest[1:]),
        "alembic": lambda rest: rest[0] in alembic_commands,
        "fastapi": lambda rest: rest[0] in {"dev", "run"},
        "poe": lambda rest: rest[0] in configuration["tool"]["poe"]["tasks"],
        "pytest": lambda rest: all((project / it).exists() for it in rest if "/" in it),
        "python": lambda rest: (project / f"{rest[1].replace('.', '/')}.py").exists(),
    }

    def exists(words: list[str]) -> bool:
        return words[0] in known and known[words[0]](words[1:])

    return exists


def test_every_command_exists(
    combination: Combination, project: Path, exists: Callable[[list[str]], bool]
) -> None:
    found = 0
    for path, text in texts(project).items():
        added = ADDED.findall(text)
        for words in commands(text):
            assert words[0] in added or exists(words), (path.relative_to(project), words)
            found += 1
    assert found > 20


def test_every_file_and_section_exists(
    combination: Combination, project: Path, projects: dict[Combination, Path]
) -> None:
    """A file of another database or option does not exist here, so no text names it."""
    tops = {path.name for it in projects.values() for path in it.iterdir()}
    names = {path.name for path in project.rglob("*")} | MADE
    for path, text in texts(project).items():
        for code in filter(PATH.fullmatch, CODE.findall(text)):
            top, slash, _ = code.partition("/")
            if IMAGINED.search(code) or not (top in tops or FILE.fullmatch(code)):
                continue
            found = (project / code).exists() or (not slash and code in names)
            assert found, (path.relative_to(project), code)
        for file, anchor in LINK.findall(text):
            if not file.startswith("http"):
                target = path.parent / file if file else path
                assert target.exists(), (path.relative_to(project), file)
                assert not anchor or anchor in map(slug, headings(target)), (path, anchor)
        for file, section in SECTION.findall(text):
            assert section in headings(project / file), (path.relative_to(project), section)


def test_each_skill_has_a_name_and_points_to_a_section(
    combination: Combination, project: Path
) -> None:
    """The steps are in one place, where people find them."""
    skills = [*project.glob(".agents/skills/*/SKILL.md")]
    assert len(skills) == len([*project.glob(".agents/skills/*")]) == 3
    readable = {path: text for path, text in texts(project).items() if path not in skills}
    for path in skills:
        text = path.read_text(encoding="utf-8")
        _, front, body = text.split("---\n", 2)
        fields = yaml.safe_load(front)
        assert fields.keys() == {"name", "description"}
        assert fields["name"] == path.parent.name
        assert 0 < len(fields["description"]) <= 1024  # the limit of the format
        assert SECTION.search(body)
        assert len(body.splitlines()) < 20
        copied = [line for line in body.splitlines() if len(line) > 60]
        assert not [line for line in copied for it in readable.values() if line in it]


def test_fastapis_skill_says_what_the_rules_correct(
    combination: Combination, project: Path, environment: Path
) -> None:
    rules = (project / "AGENTS.md").read_text(encoding="utf-8")
    (named,) = re.findall(r"`fastapi/(\S+)/`", rules)
    find = "import fastapi; print(*fastapi.__path__)"
    package = Path(run(environment / "python", "-c", find, cwd=environment).stdout.strip())
    pages = [path.read_text(encoding="utf-8") for path in (package / named).rglob("*.md")]
    assert [it for it in CORRECTED if it not in "".join(pages)] == []
