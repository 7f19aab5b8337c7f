"""The code of docs/jobs.md, added to a project as the page says, does each job although it is killed."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from combinations import DRIVERS, Combination
from conftest import everyday
from processes import UV, alembic, clean_environment, execute, install, prepare, run, serving

DatabaseURL = Callable[[Combination, str], str]
BLOCK = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ENDPOINT = """
from app.dependencies import SessionDep
from app.items.models import Item
from app.main import app
{imports}


@app.post("/probe/job")
async def store(session: SessionDep, number: int) -> None:
    session.add(Item(name=f"Lamp {{number}}", category="job", quantity=1))
    await session.flush()
    await add_job(session, {job}, order_id=number)
    if number == 0:
        raise ValueError("rolled back")
"""
# In place of the part of the job that sends the receipt.
SEND = """import os, time
    from pathlib import Path
    with Path(os.environ["RECEIPTS"]).open("a") as receipts:
        receipts.write(f"begun {order_id}\\n")
    time.sleep(float(os.environ["SECONDS"]))
    with Path(os.environ["RECEIPTS"]).open("a") as receipts:
        receipts.write(f"sent {order_id}\\n")
"""
# Short times for the test; each must be on the page.
FASTER = {
    'cron="* * * * *"': 'cron="* * * * * *"',
    "get_stalled_jobs()": "get_stalled_jobs(seconds_since_heartbeat=12)",
    "timedelta(minutes=5)": "timedelta(seconds=3)",
}


def write_code(project: Path) -> str:
    """Write the files of the page; return the code of the revision, which has no name yet."""
    revision = ""
    for name, code in BLOCK.findall((project / "docs/jobs.md").read_text()):
        if "…" in name:
            revision = code
            continue
        file = project / name
        file.parent.mkdir(exist_ok=True)
        if not (file.parent / "__init__.py").exists():
            (file.parent / "__init__.py").touch()
        file.write_text(code)
    return revision


def add_jobs(tried: Combination, project: Path, environment: Path, url: str) -> str:
    """Follow the page up to the worker; return the name of its command."""
    recipe = write_code(project)
    if tried.database != "postgresql":
        alembic(project, environment, url, "revision --autogenerate -m Outbox")
        return "app.commands.drain_outbox"
    schema = run(environment / "procrastinate", "schema", "--read", cwd=project).stdout
    (project / "migrations/procrastinate.sql").write_text(schema)
    alembic(project, environment, url, "revision -m Jobs")
    (revision,) = project.glob("migrations/versions/*_jobs.py")
    head, stop, rest = revision.read_text().partition("from collections.abc import Sequence\n")
    names = re.findall(
        r"^(?:revision|down_revision|branch_labels|depends_on): .*\n", rest, re.MULTILINE
    )
    imports, _, code = recipe.partition("OBJECTS")
    revision.write_text(f"{head}{stop}{imports}{''.join(names)}\nOBJECTS{code}")
    ignored = 'IGNORED_PREFIXES: tuple[str, ...] = ("procrastinate_",)\n'
    assert ignored in (project / "docs/jobs.md").read_text()
    autogenerate = project / "app/database/migrations/autogenerate.py"
    before = autogenerate.read_text()
    autogenerate.write_text(before.replace("IGNORED_PREFIXES: tuple[str, ...] = ()\n", ignored))
    return "app.commands.work"


def hurry(project: Path) -> None:
    """Let the job report what it does, and shorten the times."""
    job = project / "app/receipts/jobs.py"
    last = "raise NotImplementedError\n"
    assert last in job.read_text()
    job.write_text(job.read_text().replace(last, SEND))
    for file in (project / "app/jobs.py", project / "app/outbox/service.py"):
        if file.exists():
            text = file.read_text()
            for slow, fast in FASTER.items():
                text = text.replace(slow, fast)
            assert text != file.read_text()
            file.write_text(text)


@contextmanager
def working(
    project: Path, environment: Path, command: str, **settings: str
) -> Iterator[Callable[[str], None]]:
    """Run a worker, and kill it at the end; yield a function that waits for a line of the job."""
    receipts, output = project / "receipts", project / "worker.log"
    receipts.touch()
    with output.open("a") as log:
        worker = subprocess.Popen(
            [environment / "python", "-m", command],
            cwd=project,
            env=clean_environment() | settings | {"RECEIPTS": str(receipts)},
            stdout=log,
            stderr=log,
        )

    def wait_for(line: str) -> None:
        deadline = time.monotonic() + 60
        while line not in receipts.read_text():
            assert time.monotonic() < deadline, output.read_text()
            assert worker.poll() is None, output.read_text()
            time.sleep(0.1)

    try:
        yield wait_for
    finally:
        worker.kill()
        worker.wait()


@pytest.mark.parametrize(
    "tried", everyday(DRIVERS, "pysqlite", "asyncpg", "psycopg2", "mysql+asyncmy"), ids=str
)
def test_jobs_are_done_although_workers_are_killed(
    tried: Combination,
    projects: dict[Combination, Path],
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    url = database_url(tried, f"my_api_jobs_{tried.driver}_{tried.session}")
    environment = install(tmp_path / "venv", sys.executable, [projects[tried] / "pyproject.toml"])
    if tried.database == "postgresql":
        packages = ["procrastinate", "psycopg[binary]"]
        run(UV, "pip", "install", "-q", "-p", environment / "python", *packages, cwd=tmp_path)
    project = tmp_path / "my-api"
    prepare(projects[tried], project, environment, url)
    command = add_jobs(tried, project, environment, url)
    back = ["downgrade -1", "upgrade head", "check"]
    alembic(project, environment, url, "upgrade head", "check", *back)
    path = os.pathsep.join([str(environment), os.environ["PATH"]])
    run(environment / "poe", "check", cwd=project, PATH=path)

    hurry(project)
    if tried.database == "postgresql":
        imports, job = (
            "from app.jobs import add_job\nfrom app.receipts.jobs import send_receipt",
            "send_receipt",
        )
    else:
        imports, job = "from app.outbox.service import add_job", '"send_receipt"'
    source = ENDPOINT.format(imports=imports, job=job)
    if tried.session == "sync":
        source = source.replace("async def", "def").replace("await ", "")
    (project / "endpoint.py").write_text(source)
    with serving(project, environment, url, entrypoint="endpoint:app", tracebacks=True) as client:
        assert client.post("/probe/job?number=0").status_code == 500
        assert client.post("/probe/job?number=1").status_code == 200

    with working(project, environment, command, DATABASE_URL=url, SECONDS="600") as wait_for:
        wait_for("begun 1\n")
    with working(project, environment, command, DATABASE_URL=url, SECONDS="0") as wait_for:
        wait_for("sent 1\n")
        time.sleep(1)
    assert "0" not in (project / "receipts").read_text()
    rows = "outbox WHERE name"
    if tried.database == "postgresql":
        rows = "procrastinate_jobs WHERE task_name"
    left = execute(project, environment, url, f"SELECT count(*) FROM {rows} = 'send_receipt'")
    assert "[(0,)]" in left
