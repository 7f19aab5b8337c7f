"""Questions: what is asked, derived and refused."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cookiecutter.exceptions import FailedHookException
from cookiecutter.generate import generate_context, generate_files
from cookiecutter.prompt import prompt_for_config
from pytest_cookies.plugin import Cookies, Result

from combinations import COMBINATIONS, DATABASES, DRIVERS, QUESTIONS, ROOT, Combination, choices
from commands import (
    assert_refused,
    config_file,
    contents,
    cookiecutter,
    printed,
    shell,
)
from processes import run

Bake = Callable[..., Result]

TAG_OPEN, TAG_CLOSE = "{% raw %}", "{% endraw %}"

# Answer → a word of the error message that refuses it.
HOSTILE_SLUGS = {
    "": "already exists",
    ".": "already exists",
    "..": "already exists",
    "../x": "lower-case words",
    "a/b": "lower-case words",
    "a b": "lower-case words",
    "-a": "lower-case words",
    "a-": "lower-case words",
    "a--b": "lower-case words",
    "1a": "lower-case words",
    "My-Api": "lower-case words",
    "my_api": "lower-case words",
    "my.api": "lower-case words",
    "été": "lower-case words",
    "a\nb": "lower-case words",
    "a'b": "lower-case words",
    'a"b': "lower-case words",
    "$(touch owned)": "lower-case words",
    "`touch owned`": "lower-case words",
    "🚀": "lower-case words",
    "class": "keyword",
    "import": "keyword",
    "fastapi": "package that the project depends on",
    "sqlalchemy": "package that the project depends on",
    "pytest": "package that the project depends on",
    "starlette": "package that the project depends on",
    "a" * 51: "characters",
    "a" * 200: "characters",
}
HOSTILE_TEXTS = {
    'a "quote"': "quote",
    '"""': "quote",
    '"); import os; os.system("touch owned"); ("': "quote",
    "back\\slash": "backslash",
    "brace {": "brace",
    "{{ 1 }}": "brace",
    "{% if %}": "brace",
    "new\nline": "control character",
    "bell\a": "control character",
    "zero\u200bwidth": "control character",
    "x" * 201: "characters",
}


def literal(answer: str) -> str:
    """Escape an answer for key=value, which Cookiecutter renders with Jinja, unlike a typed one."""
    return f"{TAG_OPEN}{answer}{TAG_CLOSE}" if "{" in answer else answer


@pytest.mark.parametrize(("slug", "word"), HOSTILE_SLUGS.items())
def test_a_hostile_slug_is_refused(slug: str, word: str, output: Path) -> None:
    done = cookiecutter(output, project_slug=literal(slug))
    assert_refused(done, output, word)
    assert [path for path in output.iterdir() if path.name != "a"] == []


# Answers that Python or YAML may pass, and the error messages for them.
MISTYPED = [
    (
        "telemetry",
        1,
        "telemetry '1' is neither true nor false: write telemetry=yes or telemetry=no",
    ),
    (
        "telemetry",
        0,
        "telemetry '0' is neither true nor false: write telemetry=yes or telemetry=no",
    ),
    ("docker", None, "docker None is neither true nor false: write docker=yes or docker=no"),
    ("docker", ["yes"], "docker 'yes' is neither true nor false: write docker=yes or docker=no"),
    ("description", None, "description None is not text: write it in quotes"),
    ("description", {"en": "A service"}, "description {'en': 'A service'} is not text"),
    ("project_slug", None, "project_slug None is not text: write it in quotes"),
    ("driver", None, "driver None is not text: write it in quotes"),
]


@pytest.mark.parametrize(("key", "answer", "sentence"), MISTYPED)
def test_an_answer_of_the_wrong_type_is_refused(
    key: str, answer: object, sentence: str, cookies: Cookies, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cookies.bake({"project_slug": "stock", key: answer}).exit_code != 0
    said = capfd.readouterr().err
    assert any(line.startswith(sentence) for line in said.splitlines()), said
    assert f"{key}='...'" in said


RESERVED = [(name, database) for database, row in DATABASES.items() for name in row["reserved"]]


@pytest.mark.parametrize(("name", "database"), RESERVED)
def test_a_reserved_database_name_is_refused(
    name: str, database: str, bake: Bake, capfd: pytest.CaptureFixture[str]
) -> None:
    slug = name.replace("_", "-")
    assert bake(project_slug=slug, database=database).exit_code != 0
    label = DATABASES[database]["label"]
    said = f"project_slug '{slug}' gives the database the name '{name}', which {label} reserves"
    assert said in capfd.readouterr().err


def test_a_name_reserved_only_by_another_database_is_accepted(bake: Bake) -> None:
    assert bake(project_slug="sys", database="postgresql").exit_code == 0


def test_an_absolute_slug_is_refused(output: Path) -> None:
    done = cookiecutter(output, project_slug=str(output.parent / "elsewhere"))
    assert_refused(done, output, "lower-case words")
    assert not (output.parent / "elsewhere").exists()


@pytest.mark.parametrize("key", ["project_name", "description", "full_name", "email"])
@pytest.mark.parametrize(("text", "word"), HOSTILE_TEXTS.items())
def test_a_hostile_text_is_refused(key: str, text: str, word: str, bake: Bake) -> None:
    answers = {"project_slug": "my-api", key: literal(text)}
    result = bake(**answers)
    assert result.exit_code != 0
    assert result.project_path is None


def test_the_error_message_names_the_answer_and_the_reason(output: Path) -> None:
    for text, word in HOSTILE_TEXTS.items():
        done = cookiecutter(output, project_slug="my-api", description=literal(text))
        assert_refused(done, output, word)
        assert "description" in done.stdout


@pytest.mark.parametrize(("name", "email"), [("", "me@example.com"), ("Me", "me"), ("Me", "a@b@c")])
def test_an_invalid_author_is_refused(name: str, email: str, bake: Bake) -> None:
    assert bake(full_name=name, email=email).exit_code != 0


def test_all_errors_are_reported_at_once(output: Path) -> None:
    done = cookiecutter(
        output, project_name='a"b', project_slug="A", driver="oracledb", full_name="a\\b", email="?"
    )
    for key in ("project_name", "project_slug", "driver", "full_name", "email"):
        assert any(line.startswith(f"{key} ") for line in done.stdout.splitlines()), done.stdout


@pytest.mark.parametrize(
    "name", ["My API", "O'Brien & Sons <1>", "Été 🚀", "x" * 100, "100 % #1 *a* _b_"]
)
def test_an_unusual_name_is_kept(name: str, bake: Bake) -> None:
    result = bake(
        project_name=name, project_slug="my-api", full_name="Zoë O'Neil", email="z@example.com"
    )
    assert (result.exit_code, result.exception) == (0, None)
    assert name in (result.project_path / "README.md").read_text(encoding="utf-8")
    main = (result.project_path / "app/main.py").read_text(encoding="utf-8")
    compile(main, "main.py", "exec")
    assert name in main


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("session", QUESTIONS["session"])
def test_the_first_driver_is_the_default(session: str, database: str, bake: Bake) -> None:
    result = bake(session=session, database=database)
    assert result.exit_code == 0
    assert result.context["driver"] == next(iter(DATABASES[database][session]))


# Valid answers, full of characters that a shell would interpret.
UNUSUAL = {
    "project_name": "O'Brien & Sons; #1 $(touch owned)",
    "project_slug": "o-brien",
    "description": "it's `touch owned` | * ~ ! > owned é 🚀  two blanks",
    "full_name": "Zoë O'Brien",
    "email": "$(touch)@owned.example",
    "session": "sync",
    "database": "mariadb",
    "driver": "mysqldb",
    "docker": "no",
    "ci": "gitlab",
    "telemetry": "yes",
    "license": "none",
}


WRONG = {
    "project_name": 'a"b',
    "project_slug": "My Api",
    "description": "x" * 201,
    "full_name": "a\\b",
    "email": "me",
    "driver": "oracledb",
}


def test_the_printed_command_repeats_the_run(output: Path) -> None:
    refused = cookiecutter(output, **UNUSUAL | WRONG)
    line = printed(refused, "uvx cookiecutter ")
    for key, wrong in WRONG.items():
        assert_refused(refused, output, f"{key} {wrong!r}")
        assert f"{key}='...'" in line
    again = shell(output, line)
    for key in WRONG:
        assert_refused(again, output, f"{key} '...'")

    for key in WRONG:
        line = line.replace(f"{key}='...'", f"{key}={shlex.quote(UNUSUAL[key])}")
    done = shell(output, line)
    assert done.returncode == 0, done.stdout
    expected = output.parent / "expected"
    assert cookiecutter(expected, **UNUSUAL).returncode == 0
    assert contents(output) == contents(expected)


def test_the_printed_command_keeps_hostile_answers_as_text(output: Path) -> None:
    refused = cookiecutter(output, **UNUSUAL | {"driver": "x"})
    done = shell(output, printed(refused, "uvx cookiecutter ").replace("'...'", "mysqldb"))
    assert done.returncode == 0, done.stdout
    assert not (output.parents[1] / "owned").exists()
    readme = (output / "o-brien" / "README.md").read_text(encoding="utf-8")
    assert UNUSUAL["project_name"] in readme
    assert UNUSUAL["description"] in readme


def test_typed_answers_are_not_lost(output: Path) -> None:
    typed = ["Stock", "", "Keeps {stock}", "", "", "2", "2", "", "2", "y", "4", "psycopg3"]
    done = subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(ROOT), "-o", str(output)],
        input="".join(f"{answer}\n" for answer in typed),
        env=os.environ | {"COOKIECUTTER_CONFIG": str(config_file(output.parents[1]))},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert_refused(done, output, "driver 'psycopg3' gives no sync session on postgresql")
    answers = shlex.split(printed(done, "uvx cookiecutter "))
    assert answers[:3] == ["uvx", "cookiecutter", str(ROOT)]
    assert {
        "project_name=Stock", "project_slug=stock", "description=...", "session=sync",
        "database=postgresql", "driver=...", "docker=yes", "ci=gitlab", "telemetry=yes",
        "license=none",
    } <= {*answers}  # fmt: skip


def test_the_printed_command_has_the_checkout(output: Path) -> None:
    repository = output.parents[1] / "repository"
    ignored = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__")
    shutil.copytree(ROOT, repository, ignore=ignored)
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    run("git", "init", "--quiet", "--initial-branch=a-branch", cwd=repository)
    run("git", "add", "--all", cwd=repository)
    run("git", *author, "commit", "--quiet", "--message", "First", cwd=repository)
    source = f"git+file://{repository}"
    done = shell(
        output, f"uvx cookiecutter {source} --checkout a-branch --no-input -o {output} driver=x"
    )
    line = printed(done, "uvx cookiecutter ")
    assert line.startswith(f"uvx cookiecutter {source} --no-input")
    assert "--checkout a-branch " in line
    assert shell(output, line.replace("'...'", "aiosqlite")).returncode == 0


# Files that a user may have in a folder, some with names that the template has too.
OWN_FILES = {
    "README.md": "mine",
    ".env": "DATABASE_URL=mine",
    "app/main.py": "mine",
    "app/mine.py": "mine",
    "overlays/async/mine.py": "mine",
    "overlays/mine.txt": "mine",
    ".git/HEAD": "ref: refs/heads/main\n",
}


@pytest.mark.parametrize(
    ("own", "options", "word"),
    [
        (OWN_FILES, (), "already exists"),
        (OWN_FILES, ("-s",), "already exists"),
        (OWN_FILES, ("-f",), "render into another folder and compare"),
        (OWN_FILES, ("-f", "-s"), "render into another folder and compare"),
        (OWN_FILES, ("-f", "--keep-project-on-failure"), "render into another folder and compare"),
        ({"overlays/mine.txt": "mine"}, ("-f",), "render into another folder and compare"),
        ({".env": "mine"}, ("-f", "-s"), "render into another folder and compare"),
    ],
)
def test_a_folder_that_contains_files_is_left_unchanged(
    own: dict[str, str], options: tuple[str, ...], word: str, output: Path
) -> None:
    for name, text in own.items():
        path = output / "my-api" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    before = contents(output)
    done = cookiecutter(output, *options)
    assert done.returncode == 1
    assert word in done.stdout
    assert contents(output) == before


def test_an_existing_folder_loses_no_answers(output: Path) -> None:
    (output / "stock").mkdir()
    done = cookiecutter(output, project_name="Stock", session="sync", license="none")
    assert "directory already exists" in done.stdout
    again = shell(output, f"uvx cookiecutter {shlex.quote(str(ROOT))} --replay -o elsewhere")
    assert "stock: sync sessions on sqlite, driver pysqlite" in again.stdout
    assert (output.parents[1] / "elsewhere/stock/pyproject.toml").exists()


def test_the_printed_commands_compare_with_the_existing_project(output: Path) -> None:
    assert cookiecutter(output, project_name="Stock & Co").returncode == 0
    project = output / "stock-co"
    run("git", "init", "--quiet", cwd=project)
    (project / ".env").write_text("mine")
    (project / "app/main.py").write_text("mine")
    (project / "LICENSE").unlink()
    done = cookiecutter(output, "-f", project_name="Stock & Co")
    assert str(project) in done.stdout
    rendered = shell(output, printed(done, "uvx cookiecutter "))
    assert rendered.returncode == 0, rendered.stdout
    compared = shell(output, f"{printed(done, 'git diff ')} --name-status")
    names = {(line[0], Path(line[2:]).name) for line in compared.stdout.splitlines()}
    assert names == {("M", "main.py"), ("A", "LICENSE")}


@pytest.mark.parametrize("git", [False, True])
def test_an_empty_folder_or_repository_is_rendered_into(git: bool, output: Path) -> None:
    project = output / "my-api"
    project.mkdir()
    if git:
        run("git", "init", "--quiet", cwd=project)
    refused = cookiecutter(output, "-f", driver="x")
    assert "driver 'x'" in refused.stdout
    assert project.exists()
    done = (
        shell(output, printed(refused, "uvx cookiecutter ").replace("'...'", "aiosqlite"))
        if git
        else cookiecutter(output, "-f")
    )
    assert done.returncode == 0, done.stdout
    assert (project / "pyproject.toml").exists()
    assert (project / ".git").exists() == git


def test_cruft_runs_the_same_hooks(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """cruft calls this function with a temporary folder, which the hooks must not print."""
    context = generate_context(str(ROOT / "cookiecutter.json"))
    context["cookiecutter"] = prompt_for_config(context, no_input=True) | {"_template": str(ROOT)}
    generate_files(str(ROOT), context, str(tmp_path), overwrite_if_exists=True)
    assert (tmp_path / "my-api" / "pyproject.toml").exists()
    assert "cd " not in capfd.readouterr().out
    context["cookiecutter"]["driver"] = "x"
    with pytest.raises(FailedHookException):
        generate_files(str(ROOT), context, str(tmp_path / "other"))
    assert capfd.readouterr().err.startswith("driver 'x' gives no async session")


def all_drivers() -> list[str]:
    return sorted({it.driver for it in COMBINATIONS})


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("session", QUESTIONS["session"])
def test_driver_must_serve_the_session(session: str, database: str, output: Path) -> None:
    serving = DATABASES[database][session]
    wrong = next(name for name in all_drivers() if name not in serving)
    done = cookiecutter(output, session=session, database=database, driver=wrong)
    assert_refused(done, output, f"driver '{wrong}' gives no {session} session on {database}")
    assert f"choose {' or '.join(sorted(serving))}" in done.stdout


def test_the_output_describes_the_project(output: Path) -> None:
    done = cookiecutter(output, session="sync", database="postgresql", driver="psycopg2")
    assert done.returncode == 0
    assert "my-api: sync sessions on postgresql, driver psycopg2" in done.stdout
    assert "It needs a PostgreSQL server" in done.stdout


@pytest.mark.parametrize("docker", ["yes", "no"])
@pytest.mark.parametrize("database", DATABASES)
def test_the_printed_commands_are_those_of_the_readme(
    database: str, docker: str, output: Path
) -> None:
    done = cookiecutter(output, database=database, docker=docker)
    commands = re.findall(r"^    (?!cd )(.+)$", done.stdout, re.MULTILINE)
    readme = (output / "my-api/README.md").read_text(encoding="utf-8")
    start = readme.partition("## Start")[2].partition("uv run pytest")[0]
    blocks = re.findall(r"```console\n(.*?)```", start, re.DOTALL)
    assert commands == "".join(blocks).splitlines()


@pytest.mark.parametrize("folder", ["output", "O'Brien's é 🚀", "$(touch owned)"])
@pytest.mark.parametrize("relative", [False, True])
def test_the_printed_cd_leads_into_the_project(folder: str, relative: bool, tmp_path: Path) -> None:
    output = tmp_path / "home" / folder
    given = Path(os.path.relpath(output, ROOT)) if relative else output
    config = config_file(tmp_path)
    done = run(
        sys.executable, "-m", "cookiecutter", ".", "--no-input", "-o", str(given),
        cwd=ROOT, COOKIECUTTER_CONFIG=str(config), PYTHONIOENCODING="utf-8",
    )  # fmt: skip
    there = run("bash", "-c", f"{printed(done, 'cd ')} && ls pyproject.toml && pwd", cwd=tmp_path)
    assert there.stdout.splitlines() == ["pyproject.toml", str(output / "my-api")]


def test_a_project_is_rendered_even_if_its_path_cannot_be_printed(tmp_path: Path) -> None:
    output = tmp_path / "home" / "é"
    output.mkdir(parents=True)
    done = run(
        sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "-o", str(output),
        cwd=ROOT, COOKIECUTTER_CONFIG=str(config_file(tmp_path)), PYTHONIOENCODING="ascii",
    )  # fmt: skip
    assert "cd " in done.stdout
    assert (output / "my-api" / "pyproject.toml").exists()


def test_a_mistyped_option_shows_in_the_output(output: Path) -> None:
    done = cookiecutter(output, databse="postgresql")
    assert "my-api: async sessions on sqlite, driver aiosqlite" in done.stdout


def test_every_choice_has_a_label() -> None:
    prompts = QUESTIONS["__prompts__"]
    asked = [key for key in QUESTIONS if not key.startswith("_")]
    assert list(prompts) == asked
    for key in ("session", "database"):
        assert set(prompts[key]) == {"__prompt__", *QUESTIONS[key]}
    assert QUESTIONS["database"] == list(DATABASES)


def test_the_driver_prompt_lists_the_other_drivers() -> None:
    """The prompt shows the first driver as its default."""
    for database, row in DATABASES.items():
        lines = [it for it in QUESTIONS["__prompts__"]["driver"].splitlines() if row["label"] in it]
        others = {
            f"{driver} ({session}"
            for session in QUESTIONS["session"]
            for driver in list(row[session])[1:]
        }
        assert {other for other in others if lines and other in lines[0]} == others, database


def test_an_answer_that_depends_on_others_is_asked_last() -> None:
    """So a wrong answer is refused immediately, not after further questions."""
    assert [key for key in QUESTIONS if not key.startswith("_")][-1] == "driver"


@pytest.mark.parametrize("fitting", DRIVERS, ids=str)
def test_a_valid_driver_is_accepted_from_every_source(
    fitting: Combination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the prompt, `driver=`, the user's defaults, and the answers that cruft stored."""

    def context(**given: dict[str, str]) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = generate_context(
            str(ROOT / "cookiecutter.json"), **given
        )
        return found

    answers = fitting.answers
    typed = iter(
        str(choices(key).index(answers[key]) + 1)
        if isinstance(QUESTIONS[key], list)
        else answers.get(key, "")
        for key in QUESTIONS
        if not key.startswith("_")
    )
    monkeypatch.setattr("builtins.input", lambda _="": next(typed))
    asked = prompt_for_config(context())
    stored = {key: answer for key, answer in asked.items() if not key.startswith("_")}
    ways = [context(extra_context=answers), context(default_context=answers)]
    ways.append(context(extra_context=stored))  # as `cruft update` does
    for taken in (asked, *(prompt_for_config(way, no_input=True) for way in ways)):
        assert (taken["session"], taken["database"]) == (fitting.session, fitting.database)
        assert taken["driver"] == fitting.driver


def test_options_are_listed_with_their_answers() -> None:
    """The hook gets only the answer, not the choices."""
    for key, answers in QUESTIONS["_options"].items():
        default = QUESTIONS[key]
        assert answers == (default if isinstance(default, list) else [True, False])


def test_every_row_fills_every_column() -> None:
    columns = {tuple(row) for row in DATABASES.values()}
    assert len(columns) == 1
    rows = [DATABASES[it.database][it.session][it.driver] for it in COMBINATIONS]
    assert {tuple(row) for row in rows} == {("extra", "requires", "overlays", "tls")}
