"""Reference (d): what s3rius's generator (fastapi_template on PyPI) makes for PostgreSQL.

The benchmark installs it and keeps nothing of it. Its example has a table of names, a list
with limit and offset, and a PUT that stores one row. They replace the GET by id, the list
of 100 and the POST.
"""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from apps import App, started

from processes import UV, create_database, run


def peer(folder: Path, python: str, url: str, rendered: Path) -> list[App]:
    """Render and install the peer; print a sentence and return an empty list if it cannot run here.

    `rendered` is a project of this template, which creates the database.
    """
    url += "_peer"
    address = urlsplit(url)
    version = run(python, "-c", "import sys; print(sys.version_info >= (3, 12))", cwd=folder)
    if not address.hostname or version.stdout.strip() != "True":
        print(
            "the peer is left out: it asks for Python 3.12 (--python) and for a PostgreSQL that"
            " listens on a port (POSTGRESQL_URL)",
            file=sys.stderr,
        )
        return []
    options = ["--api-type", "rest", "--db", "postgresql", "--orm", "sqlalchemy", "--ci", "none"]
    generator = [UV, "run", "--no-project", "--with", "fastapi_template", "--python", python]
    # Its hook calls `uv sync`, which may fail without a Python that the project does not need.
    run(
        *generator, "python", "-m", "fastapi_template", "--quiet", "--name", "peer", *options,
        "--dummy", "--routers", "--migrations", cwd=folder, check=False,
    )  # fmt: skip
    project = folder / "peer"
    environment = folder / "peer_venv"
    run(UV, "venv", "--quiet", "--python", python, environment, cwd=folder)
    run(
        UV, "pip", "install", "--quiet", "--compile-bytecode", "--python", environment,
        "--requirement", project / "pyproject.toml", cwd=folder,
    )  # fmt: skip
    settings = {
        "PEER_DB_HOST": address.hostname,
        "PEER_DB_PORT": str(address.port or 5432),
        "PEER_DB_USER": address.username or "",
        "PEER_DB_PASS": address.password or "",
        "PEER_DB_BASE": address.path.removeprefix("/"),
    }
    create_database(rendered, folder / "venv/bin", url)
    python = str(environment / "bin/python")
    run(python, "-m", "alembic", "upgrade", "head", cwd=project, check=True, **settings)
    app = App(
        "peer",
        [python, "-m", "uvicorn", "--factory", "peer.web.application:get_app"],
        project,
        settings,
        base="/api/dummy",
        ready="/api/dummy/",
        workloads={"get": "peer get", "list": "peer list", "post": "peer post"},
    )
    with started(app) as running:
        for number in range(1000):
            httpx2.put(f"{running.url}/api/dummy/", json={"name": f"Row {number}"})
    return [app]
