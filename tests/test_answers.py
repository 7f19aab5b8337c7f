"""Questions: what is asked, what is derived, what is refused."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_cookies.plugin import Result

from combinations import COMBINATIONS, DATABASES, QUESTIONS, ROOT, Combination

Bake = Callable[..., Result]

TAG_OPEN, TAG_CLOSE = "{% raw %}", "{% endraw %}"

# Answer → a word of the sentence that refuses it.
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
    """Keep Jinja away from an answer that is given as key=value, as it is from a typed one."""
    return f"{TAG_OPEN}{answer}{TAG_CLOSE}" if "{" in answer else answer


def cookiecutter(output: Path, **answers: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, with the folder for its own files out of the way."""
    own = output.parents[1]
    config = own / "config.yaml"
    folders = {"cookiecutters_dir": own / "cookiecutters", "replay_dir": own / "replay"}
    config.write_text(json.dumps({key: str(folder) for key, folder in folders.items()}))
    return subprocess.run(
        [
            sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "--config-file", str(config),
            "--output-dir", str(output), *(f"{key}={value}" for key, value in answers.items()),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )  # fmt: skip


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An empty folder, deep enough that `..` stays within what the test owns."""
    folder = tmp_path / "home" / "output"
    folder.mkdir(parents=True)
    return folder


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def assert_refused(done: subprocess.CompletedProcess[str], output: Path, word: str) -> None:
    assert done.returncode == 1, done.stdout
    assert word in done.stdout
    assert files_below(output.parent) == []


@pytest.mark.parametrize(("slug", "word"), HOSTILE_SLUGS.items())
def test_a_hostile_slug_is_refused(slug: str, word: str, output: Path) -> None:
    done = cookiecutter(output, project_slug=literal(slug))
    assert_refused(done, output, word)
    assert [path for path in output.iterdir() if path.name != "a"] == []


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


def test_the_sentence_names_the_answer_and_its_fault(output: Path) -> None:
    for text, word in HOSTILE_TEXTS.items():
        done = cookiecutter(output, project_slug="my-api", description=literal(text))
        assert_refused(done, output, word)
        assert "description" in done.stdout


@pytest.mark.parametrize(("name", "email"), [("", "me@example.com"), ("Me", "me"), ("Me", "a@b@c")])
def test_an_email_address_is_refused(name: str, email: str, bake: Bake) -> None:
    assert bake(full_name=name, email=email).exit_code != 0


def test_every_objection_is_made_at_once(output: Path) -> None:
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
def test_the_usual_driver_comes_first(session: str, database: str, bake: Bake) -> None:
    result = bake(session=session, database=database)
    assert result.exit_code == 0
    assert result.context["driver"] == next(iter(DATABASES[database][session]))


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


def test_what_was_made_is_said(output: Path) -> None:
    done = cookiecutter(output, session="sync", database="postgresql", driver="psycopg2")
    assert done.returncode == 0
    assert "my-api: sync sessions on postgresql, driver psycopg2" in done.stdout
    assert "cd my-api" in done.stdout


def test_a_mistyped_option_shows_in_what_was_made(output: Path) -> None:
    done = cookiecutter(output, databse="postgresql")
    assert "my-api: async sessions on sqlite, driver aiosqlite" in done.stdout


def test_every_choice_has_a_label() -> None:
    prompts = QUESTIONS["__prompts__"]
    asked = [key for key in QUESTIONS if not key.startswith("_")]
    assert list(prompts) == asked
    for key in ("session", "database"):
        assert set(prompts[key]) == {"__prompt__", *QUESTIONS[key]}
    assert QUESTIONS["database"] == list(DATABASES)


def test_the_label_of_driver_lists_the_drivers(combination: Combination) -> None:
    lines = QUESTIONS["__prompts__"]["driver"].splitlines()
    line = next(line for line in lines if line.strip().startswith(combination.session))
    assert combination.driver in re.findall(r"\w+", line)


def test_every_row_fills_every_column() -> None:
    columns = {tuple(row) for row in DATABASES.values()}
    assert len(columns) == 1
    rows = [DATABASES[it.database][it.session][it.driver] for it in COMBINATIONS]
    assert {tuple(row) for row in rows} == {("extra", "overlays", "tls")}
