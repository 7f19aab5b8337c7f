"""The CI of a rendered project: its commands are run here."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from combinations import COMBINATIONS, DATABASES, ROOT, TEMPLATE, Combination
from conftest import PYTHONS
from processes import UV, clean_environment, create_database, run

Projects = dict[Combination, Path]
DatabaseURL = Callable[[Combination, str], str]

FILES = {
    "github": [".github/workflows/ci.yml", ".github/dependabot.yml"],
    "gitlab": [".gitlab-ci.yml"],
}
SCHEMAS = {
    ".github/workflows/ci.yml": ["vendor.github-workflows"],
    ".github/dependabot.yml": ["vendor.dependabot"],
    ".gitlab-ci.yml": ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
}


def with_ci(ci: str, *databases: str) -> list[Combination]:
    """Return one combination for each database in that CI."""
    found = {it.database: it for it in reversed(COMBINATIONS) if ci in it.chosen}
    return [it for database, it in found.items() if database in (databases or DATABASES)]


# The full run tests the others, whose commands are the same.
EVERYDAY = with_ci("github", "postgresql")
CHECKED = [
    it if it in EVERYDAY else pytest.param(it, marks=pytest.mark.full)
    for ci in FILES
    for it in with_ci(ci)
]
LIGHT = with_ci("github", "sqlite")[0]


@dataclass(frozen=True)
class Line:
    """One command of a job, with the variables that the job sets."""

    job: str
    command: str
    environment: dict[str, str]


def flow_of(project: Path) -> dict[str, Any]:
    """Read the file that defines the jobs."""
    (file,) = [
        path for names in FILES.values() if (path := project / names[0]).exists()
    ]  # fmt: skip
    flow: dict[str, Any] = yaml.safe_load(file.read_text())
    return flow


def jobs_of(flow: dict[str, Any]) -> dict[str, dict[str, Any]]:
    jobs = flow.get("jobs", flow)
    return {name: job for name, job in jobs.items() if {"steps", "script"} & set(job)}


def lines(project: Path) -> list[Line]:
    """Return the commands of all jobs, in order."""
    flow = flow_of(project)
    found = []
    for name, job in jobs_of(flow).items():
        steps = job.get("steps") or [
            {"run": command}
            for command in [*flow["default"].get("before_script", []), *job["script"]]
        ]
        shared = flow.get("env") or flow.get("variables") or {}
        own = job.get("env") or job.get("variables") or {}
        found += [
            Line(name, step["run"], shared | own | step.get("env", {}))
            for step in steps
            if "run" in step
        ]
    # The machine of our tests has what these commands install.
    return [line for line in found if not {"apt-get", "pip"} & {*line.command.split()}]


def warm(environment: Path) -> dict[str, Any]:
    """Share mypy's cache of libraries with other tests."""
    return {"MYPY_CACHE_DIR": str(environment.parent / "mypy_cache")}


@contextmanager
def vulnerabilities(known: dict[str, str]) -> Iterator[dict[str, str]]:
    """Serve known vulnerabilities, and yield the variables that make pip-audit use this server."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            affected = [{"package": {"name": name, "ecosystem": "PyPI"}}]
            found = {"vulns": [{"id": known[name], "affected": affected}]} if name in known else {}
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever).start()
        yield {
            "PIP_AUDIT_VULNERABILITY_SERVICE": "osv",
            "PIP_AUDIT_OSV_URL": f"http://127.0.0.1:{server.server_port}/",
        }
        server.shutdown()


def outside_of_ours() -> str:
    """Return the PATH without the tools of the template: a project must bring its own."""
    ours = Path(sys.executable).parent
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join([str(Path(UV).parent), *(it for it in folders if Path(it) != ours)])


def committed(rendered: Path, project: Path) -> Path:
    """Copy a project as in its first commit: in a repository, with a lock file."""
    shutil.copytree(rendered, project)
    run(UV, "lock", "--quiet", cwd=project)
    run("git", "init", "--quiet", cwd=project)
    run("git", "add", "--all", cwd=project)
    return project


def execute(line: Line, project: Path, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command as the CI runner does; `given` overrides the variables of the job."""
    own = {
        key: Template(value).safe_substitute(CI_PROJECT_DIR=str(project))
        for key, value in line.environment.items()
    }
    return subprocess.run(
        ["bash", "-e", "-c", line.command],
        cwd=project,
        env=clean_environment() | own | {"PATH": outside_of_ours()} | given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture(autouse=True)
def bash() -> None:
    if not shutil.which("bash"):
        pytest.skip("there is no bash to run the lines of a job")


@pytest.mark.parametrize("checked", CHECKED, ids=str)
def test_every_line_passes(
    checked: Combination,
    projects: Projects,
    environment: Path,
    database_url: DatabaseURL,
    tmp_path: Path,
) -> None:
    project = committed(projects[checked], tmp_path / "my-api")
    url = database_url(checked, "my_api_ci")
    create_database(projects[checked], environment, url)
    every = lines(project)
    assert {line.job for line in every} == {"check", "audit", "test"}
    with vulnerabilities({}) as service:
        for line in every:
            own = {"DATABASE_URL": url} if "DATABASE_URL" in line.environment else {}
            done = execute(line, project, service | own | warm(environment))
            assert done.returncode == 0, f"{line.command}:\n{done.stdout}"
    changed = run("git", "diff", "--stat", cwd=project).stdout
    assert changed == "", "a line writes"


def mistype(project: Path) -> None:
    with (project / "app/main.py").open("a") as file:
        file.write('\nPORT: int = "eighty"\n')


def drift(project: Path) -> None:
    models = project / "app/items/models.py"
    models.write_text(models.read_text().replace(", index=True", ""))


def require(project: Path) -> None:
    file = project / "pyproject.toml"
    file.write_text(file.read_text().replace('    "anyio>', '    "babel>=2",\n    "anyio>'))


@pytest.mark.parametrize(
    ("spoil", "fails"),
    [
        (mistype, ("poe check", "Incompatible types in assignment")),
        (drift, ("alembic check", "New upgrade operations detected")),
        (require, ("poe check", "uv.lock` needs to be updated")),
        (lambda _: None, ("poe audit", "starlette")),
    ],
    ids=["type", "model", "lock", "vulnerability"],
)
def test_each_fault_fails_the_command_that_checks_it(
    spoil: Callable[[Path], None],
    fails: tuple[str, str],
    projects: Projects,
    environment: Path,
    tmp_path: Path,
) -> None:
    project = committed(projects[LIGHT], tmp_path / "my-api")
    spoil(project)
    command, said = fails
    (line,) = [line for line in lines(project) if command in line.command]
    with vulnerabilities({"starlette": "GHSA-0000"}) as service:
        done = execute(line, project, service | warm(environment))
    assert done.returncode != 0
    assert said in done.stdout


def test_the_audit_fails_without_its_vulnerability_service(
    projects: Projects, tmp_path: Path
) -> None:
    project = committed(projects[LIGHT], tmp_path / "my-api")
    (line,) = [line for line in lines(project) if "poe audit" in line.command]
    unreachable = {
        "PIP_AUDIT_OSV_URL": "http://127.0.0.1:9/",
        "PIP_AUDIT_VULNERABILITY_SERVICE": "osv",
    }
    assert execute(line, project, unreachable).returncode != 0


def test_the_ci_files_fit_their_schemas(projects: Projects) -> None:
    """This includes the files of this repository."""
    for file, schema in SCHEMAS.items():
        named = [path / file for path in projects.values() if (path / file).exists()]
        own = ROOT / file.replace("ci.yml", "test.yml")
        named += [own] if own.exists() else []
        assert len(named) > 1
        run("check-jsonschema", "--builtin-schema", *schema, *named, cwd=ROOT)


def test_zizmor_finds_nothing(projects: Projects) -> None:
    """zizmor also checks that actions and images are pinned, and that jobs have few permissions."""
    checked = [projects[it] for it in COMBINATIONS if "github" in it.chosen]
    strict = ("--offline", "--persona=auditor", "--no-progress", "--no-config")
    run("zizmor", *strict, *checked, ROOT / ".github", cwd=ROOT)


def pythons_of(project: Path) -> set[str]:
    """Return the versions of Python that a project names outside of its matrix."""
    found = []
    for file in ("Dockerfile", *(name for names in FILES.values() for name in names)):
        text = (project / file).read_text() if (project / file).exists() else ""
        found += re.findall(
            r"FROM python:([\d.]+)-|python-version: \"([\d.]+)\"|PYTHON: \"([\d.]+)\"", text
        )
    return {"".join(groups) for groups in found}


@pytest.mark.parametrize("checked", [it for ci in FILES for it in with_ci(ci)], ids=str)
def test_one_python_is_used_outside_of_the_matrix(checked: Combination, projects: Projects) -> None:
    (used,) = pythons_of(projects[checked])
    assert used in PYTHONS


@pytest.mark.full
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_it_is_the_newest_python_for_which_all_requirements_have_wheels(
    machine: str, projects: Projects, tmp_path: Path
) -> None:
    """This is true for the newest releases, except mysqlclient, which has no wheels."""
    files = [path / "pyproject.toml" for it, path in projects.items() if it.driver != "mysqldb"]
    compile_ = partial(
        run, UV, "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-config",
        "--python-platform", f"{machine}-manylinux_2_28", *files, cwd=tmp_path, check=False,
    )  # fmt: skip

    def has_wheels(version: str) -> bool:
        newest = compile_("--python-version", version)
        wheels = compile_("--python-version", version, "--only-binary", ":all:")
        return (newest.returncode, newest.stdout) == (0, wheels.stdout)

    (used,) = pythons_of(projects[LIGHT])
    assert used == next(version for version in reversed(PYTHONS) if has_wheels(version))


@pytest.mark.parametrize("ci", FILES)
def test_all_pythons_are_tested(ci: str, projects: Projects) -> None:
    test = jobs_of(flow_of(projects[with_ci(ci)[0]]))["test"]
    tried = (
        test["strategy"]["matrix"]["python"]
        if ci == "github"
        else test["parallel"]["matrix"][0]["PYTHON"]
    )
    assert tried == PYTHONS


@pytest.mark.parametrize("checked", [it for ci in FILES for it in with_ci(ci)], ids=str)
def test_a_job_gets_the_url_of_its_database(checked: Combination, projects: Projects) -> None:
    job = jobs_of(flow_of(projects[checked]))["test"]
    if checked.database == "sqlite":
        assert "services" not in job
        return
    (service,) = job["services"].values() if "github" in checked.chosen else job["services"]
    url = urlsplit((job.get("env") or job["variables"])["DATABASE_URL"])
    assert url.scheme == f"{checked.database}+{checked.driver}"
    if "github" in checked.chosen:
        assert (url.hostname, service["ports"]) == ("127.0.0.1", [f"{url.port}:{url.port}"])
        assert DATABASES[checked.database]["ready"] in service["options"]
    else:
        assert url.hostname == service["alias"]
    made = service.get("env") or service["variables"]
    assert list(made.values()) == [url.password, url.path.removeprefix("/")]
    image = service.get("image") or service["name"]
    tag, _, digest = image.partition("@")
    assert DATABASES[checked.database]["image"] == tag
    assert digest == DATABASES[checked.database]["digest"]


def test_our_own_jobs_use_the_same_digests(projects: Projects) -> None:
    """So an update by Dependabot here must also be made in the template."""
    ours = (ROOT / ".github/workflows/test.yml").read_text()
    theirs = "".join((projects[it] / FILES["github"][0]).read_text() for it in with_ci("github"))
    for named in (r"uses: (.+)", r"image: \"?([^\s\"]+)"):
        used = {*re.findall(named, ours)}
        assert used
        assert used <= {*re.findall(named, theirs)}


def test_yaml_in_the_template_is_yaml() -> None:
    found = [*TEMPLATE.rglob("*.yml"), *TEMPLATE.rglob("*.yaml")]
    assert len(found) > len(FILES)
    for path in found:
        yaml.safe_load(path.read_text())


def test_a_commit_is_checked(projects: Projects, environment: Path, tmp_path: Path) -> None:
    """As the README says, the hooks are installed, and `git commit` runs them."""
    project = committed(projects[LIGHT], tmp_path / "my-api")
    here = partial(run, cwd=project, PREK_HOME=str(tmp_path / "prek"), **warm(environment))
    here("git", "config", "user.name", "Me")
    here("git", "config", "user.email", "me@example.com")
    here("prek", "validate-config", ".pre-commit-config.yaml")
    here("prek", "install")
    commit = ("git", "commit", "--quiet", "--message", "A change")
    assert here(*commit).stdout.count("Passed") == 2
    main = project / "app/main.py"
    main.write_text(main.read_text().replace(" = ", "="))
    here("git", "add", "--all")
    done = here(*commit, check=False)
    assert done.returncode != 0
    assert "1 file would be reformatted" in done.stdout


def test_bandit_finds_only_what_ruff_ignores(projects: Projects) -> None:
    """Ruff has the rules of bandit; the project lists the ignored ones in Ruff's configuration."""
    ruff = tomllib.loads((TEMPLATE / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    excused = [code.replace("S", "B") for code in ruff["ignore"] if code.startswith("S")]
    folders = [path / "app" for path in projects.values()]
    run("bandit", "--quiet", "--skip", ",".join(excused), "--recursive", *folders, cwd=ROOT)


def test_no_requirement_has_a_known_vulnerability(environment: Path) -> None:
    asked = environment.parent / "asked.txt"
    listed = run(UV, "pip", "freeze", "--quiet", "--python", environment.parent, cwd=environment)
    asked.write_text(listed.stdout)
    service = "https://api.osv.dev/v1/query"
    done = run(
        "pip-audit", "--strict", "--no-deps", "--disable-pip", "--requirement", asked,
        "--vulnerability-service", "osv", "--osv-url", service, cwd=ROOT, check=False,
    )  # fmt: skip
    if "ConnectionError" in done.stdout:
        pytest.skip(f"{service}, which knows the vulnerabilities, cannot be reached")
    assert done.returncode == 0, done.stdout
