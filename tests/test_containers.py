"""Containers: valid files, consistent numbers, and an image that serves."""

import json
import os
import re
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import pytest
import yaml
from pytest_cookies.plugin import Cookies

from combinations import DRIVERS, ROOT, TEMPLATE, Combination, first_of_each
from conftest import everyday, settings_of, skip_unless_installable
from images import CONTAINED, BuildError, Image, build, command_of, instructions, serving
from podman import compose_services
from processes import UV, create_database, run
from servers import with_own_password

TOOLS = Path(sys.executable).parent
SERVER_VARIABLES = {"WEB_CONCURRENCY"}  # read by the server itself, not by the app
SERVED = {it for it in DRIVERS if it.database != "sqlite"}


@pytest.fixture(scope="session")
def containers(cookies_session: Cookies) -> dict[Combination, Path]:
    """Every driver on each of its databases, with the files of `docker`."""
    return {
        it: cookies_session.bake(extra_context=it.answers | {"docker": "yes"}).project_path
        for it in DRIVERS
    }


@pytest.fixture
def clusters(containers: dict[Combination, Path]) -> dict[Combination, Path]:
    """One project for each database server: the manifests do not depend on the driver."""
    return {it: containers[it] for it in first_of_each([*SERVED], "database")}


def documents(project: Path) -> dict[str, dict[str, Any]]:
    """Return the manifests by their kind."""
    found = [yaml.safe_load(path.read_text()) for path in (project / "kubernetes").iterdir()]
    return {it["kind"]: it for it in found}


def pod(manifest: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the specification of a pod and of its only container."""
    spec = manifest["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    return spec, container


def seconds(text: str) -> int:
    """Read a duration such as 30s or 1m."""
    return int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]


def instruction(project: Path, keyword: str) -> str:
    """Return the arguments of the last instruction of that name."""
    return dict(instructions(project / "Dockerfile"))[keyword]


def grace_of_the_server(project: Path) -> int:
    command = command_of(instruction(project, "CMD"))
    return int(command[command.index("--timeout-graceful-shutdown") + 1])


def test_dockerfiles_pass_their_linter(containers: dict[Combination, Path]) -> None:
    files = [project / "Dockerfile" for project in containers.values()]
    run(TOOLS / "hadolint", *files, cwd=files[0].parent)


def test_compose_files_fit_their_schema(containers: dict[Combination, Path]) -> None:
    files = [project / "compose.yaml" for project in containers.values()]
    schema = ("--builtin-schema", "vendor.compose-spec")
    run(TOOLS / "check-jsonschema", *schema, *files, cwd=files[0].parent)


@pytest.mark.parametrize("version", ["1.30.0", "1.37.0"])
def test_manifests_fit_their_schemas(version: str, clusters: dict[Combination, Path]) -> None:
    files = [
        path
        for project in clusters.values()
        for path in (project / "kubernetes").iterdir()
        if path.name != "kustomization.yaml"
    ]
    validate = (TOOLS / "kubernetes-validate", "--strict", "-k", version)
    run(*validate, *files, cwd=files[0].parent)


def test_every_manifest_is_part_of_the_kustomization(clusters: dict[Combination, Path]) -> None:
    for project in clusters.values():
        files = {path.name for path in (project / "kubernetes").iterdir()}
        assert {*documents(project)["Kustomization"]["resources"]} == files - {"kustomization.yaml"}


def test_names_and_labels_match_between_manifests(clusters: dict[Combination, Path]) -> None:
    for project in clusters.values():
        found = documents(project)
        deployment, migration = found["Deployment"], found["Job"]
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"] == labels
        assert found["Service"]["spec"]["selector"] == labels
        assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
        assert migration["spec"]["template"]["metadata"]["labels"] != labels
        assert (
            migration["metadata"]["labels"] == migration["spec"]["template"]["metadata"]["labels"]
        )
        target = found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
        (image,) = found["Kustomization"]["images"]
        for manifest in (deployment, migration):
            assert pod(manifest)[1]["image"] == image["name"]
        readme = (project / "docs/production.md").read_text()
        (component,) = {*migration["metadata"]["labels"].items()} - {*labels.items()}
        assert f"-l {'='.join(component)}" in readme
        assert f"job/{migration['metadata']['name']}\n" in readme
        (secret,) = {
            it["valueFrom"]["secretKeyRef"]["name"]
            for manifest in (deployment, migration)
            for it in pod(manifest)[1]["env"]
            if "valueFrom" in it
        }
        assert f"create secret generic {secret} " in readme


def test_pods_have_no_privileges(clusters: dict[Combination, Path]) -> None:
    for project in clusters.values():
        assert int(instruction(project, "USER").partition(":")[0]) > 0
        for kind in ("Deployment", "Job"):
            spec, container = pod(documents(project)[kind])
            assert spec["automountServiceAccountToken"] is False
            assert spec["securityContext"]["runAsNonRoot"] is True
            assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_every_variable_has_a_reader(containers: dict[Combination, Path]) -> None:
    for project in containers.values():
        fields = re.findall(r"^    (\w+): ", settings_of(project), re.MULTILINE)
        readable = {name.upper() for name in fields} | SERVER_VARIABLES
        compose = yaml.safe_load((project / "compose.yaml").read_text())
        given = {*re.findall(r"\bDATABASE_\w+(?==)", instruction(project, "ENV"))}
        for name in ("migrate", "app"):
            given |= compose["services"][name].get("environment", {}).keys()
        if (project / "kubernetes").exists():
            for kind in ("Deployment", "Job"):
                given |= {it["name"] for it in pod(documents(project)[kind])[1]["env"]}
        assert given
        assert given - readable == set()


def test_compose_waits_for_the_database_and_its_migrations(
    containers: dict[Combination, Path],
) -> None:
    for combination, project in containers.items():
        services = yaml.safe_load((project / "compose.yaml").read_text())["services"]
        healthy = (
            {} if combination.database == "sqlite" else {"db": {"condition": "service_healthy"}}
        )
        migrated = {"migrate": {"condition": "service_completed_successfully"}}
        assert services["migrate"].get("depends_on", {}) == healthy
        assert services["app"]["depends_on"] == healthy | migrated
        assert ("healthcheck" in services.get("db", {})) == bool(healthy)


def test_the_database_of_compose_is_found_by_default(clusters: dict[Combination, Path]) -> None:
    for project in clusters.values():
        services = compose_services(project)
        default = re.search(
            "^DATABASE_URL=(.*)$", (project / ".env.example").read_text(), re.MULTILINE
        )
        assert default is not None
        (published,) = services["db"]["ports"]
        host, port, _ = published.split(":")
        inside = services["app"]["environment"]["DATABASE_URL"]
        assert inside.replace("@db:", f"@{host}:") == default[1]
        assert f"@{host}:{port}/" in default[1]


def test_compose_passes_on_other_addresses(clusters: dict[Combination, Path]) -> None:
    for combination, project in clusters.items():
        given = {"MIGRATION_DATABASE_URL": "direct", "DATABASE_REPLICA_URL": "replica"}
        if combination.database == "postgresql":
            given["DATABASE_POOLER"] = "transaction"
        for variables, expected in ((given, given), ({}, dict.fromkeys(given, "none"))):
            services = compose_services(project, **variables)
            for name in ("migrate", "app"):
                assert expected.items() <= services[name]["environment"].items()


def test_the_image_is_production_and_compose_is_not(
    containers: dict[Combination, Path],
) -> None:
    for project in containers.values():
        set_in_image = [rest for key, rest in instructions(project / "Dockerfile") if key == "ENV"]
        assert "ENVIRONMENT=production" in " ".join(set_in_image).split()
        services = yaml.safe_load((project / "compose.yaml").read_text())["services"]
        for name in ("migrate", "app"):
            assert services[name]["environment"]["ENVIRONMENT"] == "development"
        if (project / "kubernetes").exists():  # written once, in the image
            for kind in ("Deployment", "Job"):
                env = pod(documents(project)[kind])[1]["env"]
                assert "ENVIRONMENT" not in {it["name"] for it in env}


def test_temporary_files_have_a_volume_with_a_size_limit(
    containers: dict[Combination, Path],
) -> None:
    for project in containers.values():
        services = yaml.safe_load((project / "compose.yaml").read_text())["services"]
        for name in ("migrate", "app"):
            assert services[name]["read_only"] is True
            assert services[name]["tmpfs"] == ["/tmp:size=256m"]
        if (project / "kubernetes").exists():
            for kind in ("Deployment", "Job"):
                spec, container = pod(documents(project)[kind])
                (volume,) = spec["volumes"]
                assert volume["emptyDir"] == {"sizeLimit": "256Mi"}
                mounted = [{"name": volume["name"], "mountPath": "/tmp"}]
                assert container["volumeMounts"] == mounted


def test_services_stay_within_the_connection_limit(clusters: dict[Combination, Path]) -> None:
    """The sums in docs/database.md match the files, and stay below the limit."""
    for project in clusters.values():
        settings = settings_of(project)
        defaults = [
            int(re.search(rf"{name}: int = Field\(\s*default=(\d+)", settings)[1])  # type: ignore[index]
            for name in ("database_pool_size", "database_max_overflow")
        ]
        compose = yaml.safe_load((project / "compose.yaml").read_text())["services"]["app"]
        found = documents(project)
        env = {it["name"]: it.get("value") for it in pod(found["Deployment"])[1]["env"]}
        rolling = found["Deployment"]["spec"]["strategy"]["rollingUpdate"]
        assert rolling["maxUnavailable"] == 0
        pods = found["HorizontalPodAutoscaler"]["spec"]["maxReplicas"] + rolling["maxSurge"] + 1
        assert int(env["DATABASE_PROCESSES"]) == pods * int(env["WEB_CONCURRENCY"])
        sums = {
            "compose.yaml": (compose["environment"]["WEB_CONCURRENCY"], *defaults),
            "kubernetes/": (
                pods * int(env["WEB_CONCURRENCY"]),
                int(env["DATABASE_POOL_SIZE"]),
                int(env["DATABASE_MAX_OVERFLOW"]),
            ),
        }
        readme = (project / "docs/database.md").read_text()
        for where, (workers, size, overflow) in sums.items():
            total = workers * (size + overflow) + 1 + 5
            line = rf"^{where} +{workers} × \({size} \+ {overflow}\) \+ 1 \+ 5 = {total} < (\d+)$"
            allowed = re.search(line, readme, re.MULTILINE)
            assert allowed is not None, line
            assert total < int(allowed[1])
            assert f"by default {allowed[1]}:" in readme


def test_the_server_stops_before_it_is_killed(containers: dict[Combination, Path]) -> None:
    """The graceful shutdown of the server ends before the supervisor kills it."""
    for project in containers.values():
        grace = grace_of_the_server(project)
        compose = yaml.safe_load((project / "compose.yaml").read_text())
        assert grace < seconds(compose["services"]["app"]["stop_grace_period"])
        assert f"has {grace} seconds" in (project / "docs/production.md").read_text()
        if (project / "kubernetes").exists():
            deployment = documents(project)["Deployment"]["spec"]
            spec, container = pod({"spec": deployment})
            drain = container["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert drain + grace < spec["terminationGracePeriodSeconds"]
            assert spec["terminationGracePeriodSeconds"] < deployment["minReadySeconds"]


def test_probe_timeouts_exceed_the_health_check_timeout(
    containers: dict[Combination, Path],
) -> None:
    for project in containers.values():
        health = (project / "app/web/health.py").read_text()
        own = float(re.search(r"^TIMEOUT = ([\d.]+)", health, re.MULTILINE)[1])  # type: ignore[index]
        check = instruction(project, "HEALTHCHECK")
        assert own < float(re.search(r"timeout=(\d+)\)", check)[1])  # type: ignore[index]
        assert 'prefix="/health"' in health
        paths = re.findall(r"8000/health(/\w+)", check)
        if (project / "kubernetes").exists():
            _, container = pod(documents(project)["Deployment"])
            probes = [container[f"{name}Probe"] for name in ("startup", "readiness", "liveness")]
            assert own < probes[1]["timeoutSeconds"]
            paths += [it["httpGet"]["path"].removeprefix("/health") for it in probes]
            for probe in probes:  # ALLOWED_HOSTS needs only this name
                assert f"//{probe['httpGet']['httpHeaders'][0]['value']}:8000/" in check
        for path in paths:
            assert f'@router.get("{path}"' in health


def test_sqlite_projects_have_no_kubernetes_manifests(containers: dict[Combination, Path]) -> None:
    for combination, project in containers.items():
        assert (project / "kubernetes").exists() == (combination.database != "sqlite")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user of an image may read, unlike pytest's own.

    It is not below `/tmp`, because an image may have its own `/tmp`.
    """
    place = "/var/tmp" if Path("/var/tmp").exists() else None
    with TemporaryDirectory(dir=place) as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_an_image_needs_an_up_to_date_lock(
    containers: dict[Combination, Path], folder: Path, tmp_path: Path
) -> None:
    combination = next(it for it in containers if it.driver == "aiosqlite")
    project = shutil.copytree(containers[combination], tmp_path / "my-api")
    with pytest.raises(BuildError, match=r'uv\.lock is missing: run "uv lock" and commit it\.'):
        build(project, folder)
    run(UV, "lock", "--quiet", cwd=project)
    configuration = project / "pyproject.toml"
    configuration.write_text(
        configuration.read_text().replace('"anyio>=', '"idna>=3",\n    "anyio>=')
    )
    with pytest.raises(BuildError, match="needs to be updated"):
        build(project, folder)


WORKSPACE = """[project]
name = "root"
version = "0.1.0"
requires-python = ">=3.11"
"""


def test_a_workspace_may_exclude_the_project(
    containers: dict[Combination, Path], tmp_path: Path
) -> None:
    """As its documentation says: the project then has its own lock, and the image is built from it."""
    combination = next(it for it in containers if it.driver == "aiosqlite")
    project = shutil.copytree(containers[combination], tmp_path / "services" / "my-api")
    block = block_of(project, "toml")
    (tmp_path / "pyproject.toml").write_text(WORKSPACE + block)
    run(UV, "lock", "--quiet", cwd=project)
    assert (project / "uv.lock").exists()
    assert not (tmp_path / "uv.lock").exists()


def block_of(project: Path, language: str) -> str:
    """Return a block of docs/larger_repository.md."""
    return (
        (project / "docs/larger_repository.md")
        .read_text()
        .partition(f"```{language}\n")[2]
        .partition("```")[0]
    )


@pytest.mark.full
def test_an_image_is_built_from_the_lock_of_a_workspace(
    containers: dict[Combination, Path], folder: Path, tmp_path: Path
) -> None:
    """The lines of its documentation do this; without them, the error message names the case."""
    combination = next(it for it in containers if it.driver == "aiosqlite")
    project = shutil.copytree(containers[combination], tmp_path / "services" / "my-api")
    members = "".join(block_of(project, "toml").splitlines(keepends=True)[:-1])
    (tmp_path / "pyproject.toml").write_text(WORKSPACE + members)
    run(UV, "lock", "--quiet", cwd=project)
    with pytest.raises(BuildError, match="In a uv workspace it is at the root"):
        build(project, folder)
    dockerfile = project / "Dockerfile"
    start, _, rest = dockerfile.read_text().partition("# A pattern")
    end = rest.partition("RUN uv sync")[2].partition("\n")[2]
    dockerfile.write_text(start + block_of(project, "dockerfile") + end)
    image = build(project, folder, workspace=tmp_path)
    migrated = image.run("alembic", "upgrade", "head")
    assert migrated.returncode == 0, migrated.stdout
    with serving(image, image.command) as service:
        assert service.check() == 0


@pytest.fixture
def address(
    environment: Path, database_url: Callable[[Combination, str], str]
) -> Callable[[Combination, Path], dict[str, str]]:
    """A function that creates an empty database, and returns the setting for it."""

    def settings(combination: Combination, project: Path) -> dict[str, str]:
        if combination.database == "sqlite":
            return {}  # the image has the default
        url = with_own_password(database_url(combination, "my_api_contained"))
        create_database(project, environment, url)
        return {"DATABASE_URL": url}

    return settings


@contextmanager
def strict_umask() -> Iterator[None]:
    """Create files and folders that only their owner can read."""
    usual = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(usual)


@pytest.fixture
def strictly(cookies: Cookies, tmp_path: Path) -> Callable[[Combination], Path]:
    """A function that renders with umask 077, from a template cloned with it."""

    def render(combination: Combination) -> Path:
        template = tmp_path / "template"
        template.mkdir()
        with strict_umask():
            parts = [ROOT / name for name in ("cookiecutter.json", "hooks", TEMPLATE.name)]
            run("cp", "--recursive", *parts, template, cwd=ROOT)
            answers = combination.answers | {"docker": "yes"}
            path: Path = cookies.bake(answers, template=str(template)).project_path
            run(UV, "lock", "--quiet", cwd=path)
        modes = {it.stat().st_mode & 0o777 for it in [path, *path.rglob("*")]}
        assert modes == {0o600, 0o700}
        return path

    return render


@pytest.mark.parametrize("built", everyday(DRIVERS, "aiosqlite", "psycopg2"), ids=str)
def test_the_image_serves_as_documented(
    built: Combination,
    strictly: Callable[[Combination], Path],
    address: Callable[[Combination, Path], dict[str, str]],
    folder: Path,
) -> None:
    """Run every line of the Dockerfile, then its command, its health check and its signal."""
    skip_unless_installable(built)
    project = strictly(built)
    take_uploads(project)
    image = build(project, folder)
    assert_files_are_readable_but_not_writable(image)
    settings = address(built, project)
    services = compose_services(project)
    assert_the_password_of_development_is_refused(image, built, services["app"]["environment"])
    migrated = image.run(*services["migrate"]["command"], **settings)
    assert migrated.returncode == 0, migrated.stdout
    for workers in (1, 2):
        assert_a_request_in_flight_is_finished(image, workers, settings)
    assert_a_hanging_request_is_cut_off(image, grace_of_the_server(project), settings)
    assert_health_needs_the_database(image, built)
    assert_nothing_can_be_written(image)
    if built.database == "sqlite":  # the socket of a server may lie in `/tmp`
        (image.tmpfs,) = services["app"]["tmpfs"]
        assert_large_uploads_are_taken(image)


def assert_files_are_readable_but_not_writable(image: Image) -> None:
    """Root may write. The image may run as any user, also in root's group, as on OpenShift."""
    for path in [image.workdir, *image.workdir.rglob("*")]:
        if not path.is_symlink():
            needed = 0o055 if path.is_dir() else 0o044
            assert path.stat().st_mode & (needed | 0o022) == needed, path


# An ordinary endpoint for files, as a team would add it.
UPLOADS = """

from fastapi import UploadFile


@app.post("/uploads")
async def upload(file: UploadFile) -> int:
    return len(await file.read())
"""


def take_uploads(project: Path) -> None:
    """Add an endpoint for file uploads."""
    with (project / "app/main.py").open("a") as file:
        file.write(UPLOADS)


def assert_large_uploads_are_taken(image: Image) -> None:
    """Starlette writes an upload above 1 MiB to a file in `/tmp`."""
    with serving(image, image.command, MAX_BODY_SIZE=str(2**23)) as service:
        url = f"http://127.0.0.1:{service.port}/uploads"
        answer = httpx2.post(url, files={"file": bytes(2**22)}, timeout=30)
        assert (answer.status_code, answer.text) == (200, str(2**22)), service.log.read_text()


def assert_the_password_of_development_is_refused(
    image: Image, combination: Combination, compose: dict[str, str]
) -> None:
    """The image refuses it by default; with the settings of Compose it does not."""
    read = ("python", "-c", "from app.settings import Settings; print(Settings().environment)")
    compose = {name: value for name, value in compose.items() if name != "WEB_CONCURRENCY"}
    done = image.run(*read, **compose)
    assert (done.returncode, done.stdout.strip()) == (0, "development"), done.stdout
    del compose["ENVIRONMENT"]
    done = image.run(*read, **compose)
    if combination.database == "sqlite":  # it has no password
        assert (done.returncode, done.stdout.strip()) == (0, "production"), done.stdout
    else:
        assert done.returncode != 0
        assert "has the development password" in done.stdout


BODY = json.dumps({"name": "Lamp", "category": "light", "quantity": 3}).encode()
HEAD = (
    "POST /items HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(BODY)}\r\nExpect: 100-continue\r\n\r\n"
).encode()


def begin_request(port: int) -> socket.socket:
    """Send a request without its body, and return when the app waits for the body."""
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    client.sendall(HEAD)
    assert b"100 Continue" in client.recv(1000)
    return client


def assert_a_request_in_flight_is_finished(
    image: Image, workers: int, settings: dict[str, str]
) -> None:
    production = {"ENVIRONMENT": "production", "ALLOWED_HOSTS": "example.com,127.0.0.1"}
    settings = settings | production | {"WEB_CONCURRENCY": str(workers)}
    with serving(image, image.command, **settings) as service:
        assert service.said("Application startup complete", workers)
        assert service.check() == 0
        with begin_request(service.port) as client:
            service.stop()
            assert service.said("Shutting down", workers)
            assert service.process.poll() is None
            client.sendall(BODY)
            # The name may be taken by the run before: 409 also shows that the database responds.
            assert client.recv(1000).startswith((b"HTTP/1.1 201", b"HTTP/1.1 409"))
        # A single worker ends by the signal itself, but process 1 of a container exits with 0.
        ended = 0 if CONTAINED or workers > 1 else -signal.SIGTERM
        assert service.process.wait(20) == ended, service.log.read_text()
        assert service.log.read_text().count("Finished server process") == workers
        assert service.check() != 0


def assert_a_hanging_request_is_cut_off(image: Image, grace: int, settings: dict[str, str]) -> None:
    command = ["1" if part == str(grace) else part for part in image.command]
    assert command != image.command
    with serving(image, command, **settings) as service, begin_request(service.port):
        begun = time.monotonic()
        service.stop()
        service.process.wait(grace)
        assert time.monotonic() - begun >= 1


def assert_health_needs_the_database(image: Image, combination: Combination) -> None:
    scheme = f"{combination.database}+{combination.driver}"
    address = "/nowhere/at/all.db" if combination.database == "sqlite" else "me:x@127.0.0.1:9/x"
    separator = ":///" if combination.database == "sqlite" else "://"
    with serving(image, image.command, DATABASE_URL=scheme + separator + address) as service:
        assert httpx2.get(f"http://127.0.0.1:{service.port}/health/live").status_code == 200
        assert service.check() != 0


def assert_nothing_can_be_written(image: Image) -> None:
    if not CONTAINED:
        return
    assert image.run("id", "-u").stdout.strip() == image.user.partition(":")[0]
    assert "Read-only" in image.run("touch", str(image.root / "new")).stdout
    assert "Read-only" in image.run("touch", "/tmp/new").stdout
