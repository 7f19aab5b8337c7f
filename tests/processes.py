"""Processes: commands in rendered projects, and services that are started there."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx2
import pytest


def clean_environment() -> dict[str, str]:
    """Return the environment of this process without the variables of its own Python."""
    ours = {"DATABASE_URL", "PYTHONPATH", "UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV"}
    return {key: value for key, value in os.environ.items() if key not in ours}


def run(
    *command: str | Path, cwd: Path, check: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a project; if it fails, its output is the message."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=clean_environment() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if check:
        assert done.returncode == 0, f"{command} in {cwd}:\n{done.stdout}"
    return done


UV = os.environ.get("UV") or shutil.which("uv") or "uv"


def find_python(version: str) -> str | None:
    """Find an interpreter as uv does, also those of pyenv, or let uv download it."""
    folders = [os.environ["PATH"]]
    if shutil.which("pyenv"):  # its commands work only for the selected versions
        versions = Path(run("pyenv", "root", cwd=Path.cwd()).stdout.strip()) / "versions"
        folders += [str(path) for path in sorted(versions.glob("*/bin"))]
    find = partial(
        run, UV, "python", "find", version, cwd=Path.cwd(), check=False,
        PATH=os.pathsep.join(folders),
    )  # fmt: skip
    found = find()
    if found.returncode != 0:
        run(UV, "python", "install", "--quiet", version, cwd=Path.cwd(), check=False)
        found = find()
    return found.stdout.splitlines()[-1] if found.returncode == 0 else None


def install(folder: Path, python: str, projects: list[Path]) -> Path:
    """Install what some `pyproject.toml` require, and return the folder of the tools."""
    run(UV, "venv", "--quiet", "--python", python, folder, cwd=folder.parent)
    requirements = [part for file in projects for part in ("--requirement", file)]
    run(
        UV, "pip", "install", "--quiet", "--compile-bytecode", "--python", folder, *requirements,
        "--group", f"{projects[0]}:dev", cwd=folder.parent,
    )  # fmt: skip
    return folder / ("Scripts" if sys.platform == "win32" else "bin")


def free_port() -> int:
    """Return a port that no process listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for_port(
    port: int, process: subprocess.Popen[str] | subprocess.Popen[bytes], log: Path
) -> None:
    """Wait until a process listens on a port, or fail with its output."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"nothing answers on port {port}:\n{log.read_text()}")


ALEMBIC = """
import sys
from alembic.config import main
for command in sys.argv[1:]:
    main(command.split())
"""


def alembic(
    project: Path, environment: Path, url: str, *commands: str
) -> subprocess.CompletedProcess[str]:
    """Run Alembic commands one after the other in one process."""
    return run(environment / "python", "-c", ALEMBIC, *commands, cwd=project, DATABASE_URL=url)


DROP_AND_CREATE = """
import asyncio
import sys
from sqlalchemy import make_url
from app.commands.create_database import create_database
from app.settings import Settings
from tests.database import drop
url = make_url(sys.argv[1])
calls = [lambda: drop(url)]
if sys.argv[2:] != ["drop"]:
    calls.append(lambda: create_database(Settings(database_url=url)))
for call in calls:
    made = call()
    if hasattr(made, "close"):
        asyncio.run(made)
"""


def create_database(project: Path, environment: Path, url: str, *words: str) -> None:
    """Create a database with the project's own command; SQLite creates its file by itself."""
    if not url.startswith("sqlite"):
        run(
            environment / "python", "-c", DROP_AND_CREATE, url, *words,
            cwd=project, DATABASE_URL=url, PYTHONPATH=".",
        )  # fmt: skip


def drop_database(project: Path, environment: Path, url: str) -> None:
    """Drop a database on a server, if it exists."""
    create_database(project, environment, url, "drop")


IN_PROJECT = """
import asyncio
import sys
import time
from sqlalchemy import text
from app.database import connected
from app.settings import Settings
async def main():
    async with connected(Settings()) as db:
        async with db.engine.connect() as connection:
            for statement in sys.argv[2:]:
                result = await connection.execute(text(statement))
                print(result.all() if result.returns_rows else "done", flush=True)
            await asyncio.sleep(float(sys.argv[1]))
            await connection.commit()
asyncio.run(main())
"""


def in_project(
    project: Path, environment: Path, *statements: str, seconds: float = 0
) -> list[str | Path]:
    """Return a command that runs statements in one transaction, and keeps it open for a while."""
    source = IN_PROJECT
    if "async_sessionmaker" not in (project / "app/database/sessions.py").read_text():
        source = source.replace("asyncio.run(main())", "main()").replace("await ", "")
        source = source.replace("async ", "").replace("asyncio.sleep", "time.sleep")
    return [environment / "python", "-c", source, str(seconds), *statements]


def execute(project: Path, environment: Path, url: str, *statements: str) -> str:
    """Run statements in one transaction in the project; return the rows, one per line."""
    command = in_project(project, environment, *statements)
    return run(*command, cwd=project, DATABASE_URL=url, PYTHONPATH=".").stdout


def prepare(rendered: Path, project: Path, environment: Path, url: str) -> None:
    """Copy a project, create its database, and upgrade it to the newest revision."""
    shutil.copytree(rendered, project, dirs_exist_ok=True)
    create_database(project, environment, url)
    alembic(project, environment, url, "upgrade head")


def with_probe(rendered: Path, project: Path, environment: Path, url: str) -> None:
    """Copy a project and add the endpoints of `probe.py`."""
    prepare(rendered, project, environment, url)
    source = (Path(__file__).parent / "probe.py").read_text()
    if "async_sessionmaker" not in (project / "app/database/sessions.py").read_text():
        source = source.replace("await asyncio.sleep", "time.sleep")
        source = source.replace("async def", "def").replace("await ", "")
        source = source.replace("async with", "with").replace("AsyncIterator", "Iterator")
    (project / "probe.py").write_text(source)


@contextmanager
def serving(  # noqa: PLR0913
    project: Path,
    environment: Path,
    url: str,
    *,
    entrypoint: str = "app.main:app",
    tracebacks: bool = False,
    graceful: int | None = None,
    **settings: str,
) -> Iterator[httpx2.Client]:
    """Keep `fastapi run` running, yield a client of it, and stop it as a supervisor would.

    With `graceful`, the seconds that a shutdown waits for requests, `uvicorn` is run as in the
    image. The log must contain no traceback unless `tracebacks` is set, and must end with the
    message of a graceful shutdown.
    """
    port = free_port()
    log = project / f"{port}.log"
    server: list[str | Path] = [environment / "fastapi", "run", "--entrypoint", entrypoint]
    if graceful is not None:
        limit = ["--timeout-graceful-shutdown", str(graceful)]
        server = [environment / "uvicorn", entrypoint, *limit]
    own = {"DATABASE_URL": url, "PYTHONUNBUFFERED": "1", "PYTHONPATH": "."}
    with log.open("w") as output:
        process = subprocess.Popen(
            [*server, "--host", "127.0.0.1", "--port", str(port)],
            cwd=project,
            env=clean_environment() | own | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for_port(port, process, log)
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        process.terminate()
        process.wait(30)
    said = log.read_text()
    assert tracebacks or "Traceback" not in said, said
    assert "garbage collector" not in said, said
    if sys.platform != "win32":
        assert "Finished server process" in said, said
