"""Rendering elsewhere: other releases, stored answers, strict machines, CI jobs."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from combinations import DRIVERS, QUESTIONS, ROOT, TEMPLATE, Combination
from commands import (
    OUR_OWN,
    assert_refused,
    config_file,
    contents,
    cookiecutter,
    printed,
    release,
    render_by,
    shell,
)
from processes import run

GIVEN = {
    "project_name": "O'Brien & Söhne 🚀",
    "project_slug": "stock",
    "session": "sync",
    "database": "postgresql",
    "driver": "psycopg2",
    "docker": "no",
    "license": "none",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project that was rendered by `key=value`, in `output`, and its answers."""
    folder = tmp_path_factory.mktemp("home")
    done = cookiecutter(folder / "made" / "output", **GIVEN)
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture(scope="module")
def expected(home: Path) -> dict[Path, bytes]:
    """The files that every other way to give the same answers must render, byte by byte."""
    return contents(home / "made" / "output")


@pytest.fixture(scope="module")
def stored(home: Path) -> dict[str, Any]:
    """What Cookiecutter stored for `--replay`: answers and tables."""
    (file,) = (home / "replay").iterdir()
    context: dict[str, Any] = json.loads(file.read_text())["cookiecutter"]
    return context


def replay(
    output: Path, answers: dict[str, Any], *options: str
) -> subprocess.CompletedProcess[str]:
    """Render from a file with the context of a `--replay`."""
    file = output.parents[1] / "stored.json"
    file.write_text(json.dumps({"cookiecutter": answers}))
    return run(
        *OUR_OWN, str(ROOT), "--replay-file", str(file), "--output-dir", str(output), *options,
        cwd=ROOT, check=False, COOKIECUTTER_CONFIG=str(config_file(output.parents[1])),
    )  # fmt: skip


# Versions in distributions and old environments.
OLD = ["2.6.0", *(pytest.param(it, marks=pytest.mark.full) for it in ("1.7.3", "2.1.1", "2.4.0"))]


@pytest.mark.parametrize("version", OLD)
def test_an_older_cookiecutter_is_refused(version: str, output: Path) -> None:
    given = {"full_name": "Zoë O'Brien", "docker": "no", "license": "none"}
    done = render_by(release(version), output, **given)
    assert_refused(done, output, f"needs Cookiecutter 2.7 or later: this is {version}\n")
    again = shell(output, printed(done, "uvx cookiecutter@latest "))
    assert again.returncode == 0, again.stdout
    expected = output.parent / "expected"
    assert cookiecutter(expected, **given).returncode == 0
    assert contents(output) == contents(expected)


@pytest.mark.full
def test_the_oldest_supported_cookiecutter_renders_the_same(output: Path) -> None:
    given = {"session": "sync", "database": "mariadb", "docker": "no", "telemetry": "yes"}
    expected = output.parent / "expected"
    assert render_by(release("2.7.0"), output, **given).returncode == 0
    assert cookiecutter(expected, **given).returncode == 0
    assert contents(output) == contents(expected)


def lack_a_column(tables: dict[str, Any]) -> None:
    for row in tables["_databases"].values():
        del row["address"]


def have_another_digest(tables: dict[str, Any]) -> None:
    tables["_databases"]["postgresql"]["digest"] = "sha256:" + "0" * 64


def have_another_floor(tables: dict[str, Any]) -> None:
    tables["_databases"]["postgresql"]["sync"]["psycopg2"]["requires"] = ["psycopg2-binary>=2.9"]


def lack_an_option(tables: dict[str, Any]) -> None:
    del tables["_options"]["docker"]


@pytest.mark.parametrize(
    "differ",
    [
        lack_a_column,
        have_another_digest,
        pytest.param(have_another_floor, marks=pytest.mark.full),
        pytest.param(lack_an_option, marks=pytest.mark.full),
    ],
)
def test_answers_stored_by_another_version_are_refused(
    differ: Callable[[dict[str, Any]], None],
    stored: dict[str, Any],
    expected: dict[Path, bytes],
    output: Path,
) -> None:
    answers = json.loads(json.dumps(stored))
    differ(answers)
    done = replay(output, answers)
    assert_refused(done, output, "these answers were stored by another version of the template")
    assert "Context:" not in done.stdout
    if differ is have_another_digest:
        assert_both_printed_ways_render(done, expected, output)


def assert_both_printed_ways_render(
    done: subprocess.CompletedProcess[str], expected: dict[Path, bytes], output: Path
) -> None:
    """One way is a command with `key=value`, the other a file of answers with its command."""
    given, with_file = [
        line for line in done.stdout.splitlines() if line.startswith("uvx cookiecutter ")
    ]
    again = shell(output, given)
    assert again.returncode == 0, again.stdout
    assert contents(output) == expected
    shutil.rmtree(output)
    folders = config_file(output.parents[1]).read_text()
    answers = done.stdout.partition("default_context:")[2].partition("\n\n")[0]
    file = output.parents[1] / "answers.yaml"
    file.write_text(f"{folders}default_context:{answers}\n")
    again = shell(output, with_file)
    assert again.returncode == 0, again.stdout
    assert contents(output) == expected


def test_public_answers_alone_are_replayed_with_the_current_tables(
    stored: dict[str, Any], expected: dict[Path, bytes], output: Path
) -> None:
    public = {key: answer for key, answer in stored.items() if not key.startswith("_")}
    done = replay(output, public)
    assert done.returncode == 0, done.stdout
    assert contents(output) == expected


def test_stored_answers_that_are_no_longer_choices_are_refused(
    stored: dict[str, Any], output: Path
) -> None:
    """`--replay` does not compare answers with the choices of their questions."""
    asked = {key: default for key, default in QUESTIONS.items() if not key.startswith("_")}
    choices = [key for key, default in asked.items() if isinstance(default, list)]
    done = replay(output, stored | dict.fromkeys(choices, "other") | {"docker": "maybe"})
    assert_refused(done, output, "docker 'maybe' is neither true nor false")
    for key in choices:
        assert f"{key} 'other' is not a valid answer: choose " in done.stdout


def by_file(output: Path, answers: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Render with the answers of a YAML configuration file."""
    file = output.parents[1] / "answers.yaml"
    folders = config_file(output.parents[1]).read_text()
    file.write_text(f"{folders}default_context:\n{answers}")
    return run(
        *OUR_OWN, str(ROOT), "--no-input", "--config-file", str(file),
        "--output-dir", str(output), *options, cwd=ROOT, check=False,
    )  # fmt: skip


def test_empty_answers_in_a_file_are_refused(output: Path) -> None:
    done = by_file(output, "  docker:\n  telemetry: 1\n  description:\n")
    assert_refused(done, output, "docker None is neither true nor false: write docker=yes or")
    assert "telemetry '1' is neither true nor false" in done.stdout
    assert "description None is not text" in done.stdout


def test_an_invalid_driver_is_refused_from_every_source(
    stored: dict[str, Any], output: Path
) -> None:
    """The message names the valid drivers. For the prompt and `driver=` see `test_answers.py`."""
    sentence = "driver 'asyncpg' gives no sync session on postgresql: choose psycopg or psycopg2"
    given = GIVEN | {"driver": "asyncpg"}
    answers = "".join(
        f"  {key}: {json.dumps(it, ensure_ascii=False)}\n" for key, it in given.items()
    )
    assert_refused(by_file(output, answers), output, sentence)
    assert_refused(replay(output, stored | {"driver": "asyncpg"}), output, sentence)


@pytest.mark.full
@pytest.mark.parametrize("fitting", DRIVERS, ids=str)
def test_a_valid_driver_is_replayed(fitting: Combination, output: Path) -> None:
    first = cookiecutter(output / "1", **fitting.answers)
    assert first.returncode == 0, first.stdout
    (file,) = (output.parent / "replay").iterdir()
    done = replay(output / "2", json.loads(file.read_text())["cookiecutter"])
    assert done.returncode == 0, done.stdout
    assert contents(output / "1") == contents(output / "2")


def test_the_hook_knows_the_current_tables() -> None:
    source = (ROOT / "hooks/pre_gen_project.py").read_text()
    hook: dict[str, Any] = {"__name__": "hook"}
    exec(source.replace("{{ cookiecutter | tojson }}", "{}"), hook)
    private = [key for key in QUESTIONS if key.startswith("_") and key != "__prompts__"]
    assert {*hook["TABLES"]} == {*private}
    assert hook["DIGEST"] == hook["digest"](QUESTIONS), "write this into the hook as DIGEST"


HOSTILE = {
    "project_name": "O'Brien's $(touch owned)",
    "project_slug": "stock",
    "session": "sync",
    "telemetry": "yes",
    "license": "none",
}


def test_a_folder_rendered_without_hooks_explains_how_to_finish(output: Path) -> None:
    done = cookiecutter(output, "--accept-hooks", "no", **HOSTILE)
    assert done.returncode == 0, done.stdout
    text = (output / "stock" / "UNFINISHED.md").read_text()
    assert text.startswith("# This is not a project yet\n")
    commands = text.partition("```console\n")[2].partition("```")[0]
    finished = shell(output, commands)
    assert finished.returncode == 0, finished.stdout
    expected = output.parent / "expected"
    assert cookiecutter(expected, **HOSTILE).returncode == 0
    assert contents(output) == contents(expected)


def test_an_invalid_user_default_drops_the_defaults_after_it(output: Path) -> None:
    """Cookiecutter drops them before any hook runs; the hook can only print what was rendered."""
    mistake = "  license: Proprietary\n  session: sync\n  database: postgresql\n"
    done = by_file(output, mistake)
    assert done.returncode == 0, done.stdout
    assert "Invalid default received: Proprietary" in done.stdout
    assert "my-api: async sessions on sqlite, driver aiosqlite" in done.stdout
    shutil.rmtree(output / "my-api")
    refused = cookiecutter(output, license="Proprietary", session="sync", database="postgresql")
    assert_refused(refused, output, "Proprietary provided for choice variable license")


def test_replay_and_defaults_render_the_same(
    stored: dict[str, Any], expected: dict[Path, bytes], output: Path
) -> None:
    """The files are the same byte by byte."""
    answers = "".join(
        f"  {key}: {json.dumps(it, ensure_ascii=False)}\n" for key, it in GIVEN.items()
    )
    for done in (replay(output / "1", stored), by_file(output / "2", answers)):
        assert done.returncode == 0, done.stdout
        assert "stock: sync sessions on postgresql, driver psycopg2" in done.stdout
    file = output / "defaults.yaml"  # for a user's ~/.cookiecutterrc
    file.write_text(f"{config_file(output).read_text()}default_context:\n{answers}")
    done = run(
        *OUR_OWN, str(ROOT), "--no-input", "-o", str(output / "3"),
        cwd=output, COOKIECUTTER_CONFIG=str(file),
    )  # fmt: skip
    assert "stock: sync sessions on postgresql, driver psycopg2" in done.stdout
    for number in ("1", "2", "3"):
        assert contents(output / number) == expected


AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@example.com")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a bare repository, whose newest commit is not its tag `1.0`."""
    folder = tmp_path_factory.mktemp("repository")
    ignored = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__")
    work = shutil.copytree(ROOT, folder / "work", ignore=ignored)
    run("git", "init", "--quiet", "--initial-branch=main", cwd=work)
    run("git", "add", "--all", cwd=work)
    run("git", *AUTHOR, "commit", "--quiet", "--message", "First", cwd=work)
    run("git", "tag", "1.0", cwd=work)
    zipped = ("--format=zip", "--prefix=template/", f"--output={folder / 'template.zip'}")
    run("git", "archive", *zipped, "1.0", cwd=work)
    with (work / TEMPLATE.name / "README.md").open("a") as readme:
        readme.write("\nNewer.\n")
    run("git", *AUTHOR, "commit", "--quiet", "--all", "--message", "Second", cwd=work)
    run("git", "clone", "--quiet", "--bare", work, folder / "template.git", cwd=folder)
    return folder


WORDS = [f"{key}={answer}" for key, answer in GIVEN.items()]


def test_a_tag_and_a_zip_render_the_same(
    repository: Path, expected: dict[Path, bytes], output: Path
) -> None:
    sources = {
        "tag": (f"git+file://{repository}/template.git", "--checkout", "1.0"),
        "zip": (f"{repository}/template.zip",),
        "newest": (f"git+file://{repository}/template.git",),
    }
    for name, source in sources.items():
        line = shlex.join(["uvx", "cookiecutter", *source, "--no-input", "-o", name, *WORDS])
        done = shell(output, line, cwd=output)
        assert done.returncode == 0, done.stdout
    assert contents(output / "tag") == expected
    assert contents(output / "zip") == expected
    assert contents(output / "newest") != expected


@pytest.mark.full
def test_eight_concurrent_renderings_do_not_affect_each_other(output: Path) -> None:
    slugs = [f"stock-{number}" for number in range(8)]
    line = shlex.join(["uvx", "cookiecutter", str(ROOT), "--no-input", "-o", str(output)])
    each = "".join(f"{line} project_name=Stock project_slug={slug} & " for slug in slugs)
    done = shell(output, f"{each} wait")
    assert done.returncode == 0, done.stdout
    rendered = [contents(output / slug) for slug in slugs]
    for slug, files in zip(slugs, rendered, strict=True):
        assert {*files} == {*rendered[0]}, slug
        assert slug.encode() in files[Path("pyproject.toml")]


def jobs(language: str) -> dict[str, str]:
    """Return the files of `docs/ci.md`, by the name in their first line."""
    blocks = re.findall(rf"```{language}\n# (\S+)\n(.*?)```", CI.read_text(), re.DOTALL)
    return dict(blocks)


CI = ROOT / "docs/ci.md"
FILES = jobs("yaml")


def test_the_documented_ci_files_fit_their_schemas(tmp_path: Path) -> None:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        schema = ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"]
        if name.startswith(".github/"):
            schema = ["vendor.github-workflows"]
        run("check-jsonschema", "--builtin-schema", *schema, path, cwd=tmp_path)
    strict = ("--offline", "--persona=auditor", "--no-progress", "--no-config")
    run("zizmor", *strict, tmp_path, cwd=tmp_path)
    ours = (ROOT / ".github/workflows/test.yml").read_text()
    for action in re.findall(r"uses: (.+)", CI.read_text()):
        assert action in ours


@pytest.mark.parametrize("name", [".github/workflows/render.yml", ".gitlab-ci.yml"])
def test_a_job_renders_a_combination_and_runs_its_tests(
    name: str, request: pytest.FixtureRequest, repository: Path, output: Path
) -> None:
    """The tests run only in the full run, because they install an environment."""
    job = yaml.safe_load(FILES[name])
    if "jobs" in job:
        lines = [step["run"] for step in job["jobs"]["render"]["steps"] if "run" in step]
    else:
        lines = job["render"]["script"]
    rendering, testing = lines
    given = {"TEMPLATE": f"git+file://{repository}/template.git", "VERSION": "1.0"}
    done = shell(output, rendering, cwd=output, **given)
    assert done.returncode == 0, done.stdout
    assert "stock: sync sessions on sqlite" in done.stdout
    assert (output / "rendered/stock/pyproject.toml").exists()
    if request.config.getoption("full"):
        done = shell(output, testing, cwd=output)
        assert done.returncode == 0, done.stdout


def test_a_cruft_project_is_checked_and_updated(
    repository: Path, expected: dict[Path, bytes], output: Path
) -> None:
    source = f"file://{repository}/template.git"
    answers = json.dumps(GIVEN)
    line = ["uvx", "cruft", "create", source, "--checkout", "1.0", "--no-input"]
    line += ["--extra-context", answers]
    done = shell(output, shlex.join(line), cwd=output)
    assert done.returncode == 0, done.stdout
    made = contents(output)
    state = json.loads(made.pop(Path("stock/.cruft.json")))
    assert made == expected
    assert state["context"]["cookiecutter"]["driver"] == "psycopg2"
    project = output / "stock"
    run("git", "init", "--quiet", cwd=project)
    run("git", "add", "--all", cwd=project)
    run("git", *AUTHOR, "commit", "--quiet", "--message", "First", cwd=project)
    (check,) = [
        step["run"]
        for step in yaml.safe_load(FILES[".github/workflows/updates.yml"])["jobs"]["updates"][
            "steps"
        ]
        if "run" in step
    ]
    stale = shell(output, check, cwd=project)
    assert stale.returncode == 1, stale.stdout
    assert "out of date" in stale.stdout
    updated = shell(output, "uvx cruft update --skip-apply-ask", cwd=project)
    assert updated.returncode == 0, updated.stdout
    assert (project / "README.md").read_text().endswith("\nNewer.\n")
    assert shell(output, check, cwd=project).returncode == 0
