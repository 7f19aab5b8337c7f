"""A real container engine: podman builds the rendered image and runs `compose.yaml`.

If the base images cannot be pulled, Debian unstable replaces them, with everything that
`compose.yaml` uses of the official images: variables, data folder, health command.
"""

import os
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import yaml

from processes import clean_environment, free_port
from servers import AS_ROOT

PACKAGES = "podman buildah runc netavark aardvark-dns iptables debootstrap"
# Short names are resolved on Docker Hub, whose official images are in `library`.
LIBRARY = "docker.io/library"
UNSTABLE = "localhost/unstable"

POSTGRESQL = r"""#!/bin/sh
set -eu
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
data=/var/lib/postgresql/18/docker
as="setpriv --reuid=postgres --regid=postgres --clear-groups"
if [ ! -s $data/PG_VERSION ]; then
    install -d -o postgres -g postgres /var/lib/postgresql/18 $data
    printf %s "$POSTGRES_PASSWORD" >/run/password
    chmod 644 /run/password
    $as initdb --pgdata=$data --username=postgres --encoding=UTF8 --locale=C.UTF-8 \
        --pwfile=/run/password --auth-host=scram-sha-256
    echo "host all all all scram-sha-256" >>$data/pg_hba.conf
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | $as postgres --single -D $data postgres
fi
exec $as postgres -D $data -c listen_addresses='*' -c unix_socket_directories=/tmp
"""
MYSQL = r"""#!/bin/sh
set -eu
server="mysqld --no-defaults --user=mysql --datadir=/var/lib/mysql"
install -d -o mysql -g mysql /var/lib/mysql /var/run/mysqld
if [ ! -d /var/lib/mysql/mysql ]; then
    cat >/run/first.sql <<END
RENAME USER root@localhost TO root@'%';
ALTER USER root@'%' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';
CREATE DATABASE \`$MYSQL_DATABASE\`;
END
    chmod 644 /run/first.sql
    $server --initialize-insecure --init-file=/run/first.sql
fi
exec $server --bind-address=0.0.0.0 --mysqlx=OFF --secure-file-priv=NULL \
    --socket=/var/run/mysqld/mysqld.sock --pid-file=/var/run/mysqld/mysqld.pid
"""
MARIADB = r"""#!/bin/sh
set -eu
data=/var/lib/mysql
install -d -o mysql -g mysql $data /run/mysqld
if [ ! -d $data/mysql ]; then
    mariadb-install-db --no-defaults --user=mysql --datadir=$data --skip-test-db \
        --auth-root-authentication-method=normal >/dev/null
    mariadbd --no-defaults --user=mysql --datadir=$data --bootstrap <<END
FLUSH PRIVILEGES;
ALTER USER root@localhost IDENTIFIED BY '$MARIADB_ROOT_PASSWORD';
CREATE USER root@'%' IDENTIFIED BY '$MARIADB_ROOT_PASSWORD';
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
CREATE DATABASE \`$MARIADB_DATABASE\`;
END
fi
exec mariadbd --no-defaults --user=mysql --datadir=$data --bind-address=0.0.0.0
"""
ENTRYPOINTS = {"postgres": POSTGRESQL, "mysql": MYSQL, "mariadb": MARIADB}
# The package list of a mirror may have expired.
INSTALL = f"""FROM {UNSTABLE}
RUN apt-get update -qq -o Acquire::Check-Valid-Until=false \\
    && apt-get install -y -qq --no-install-recommends"""
# Keyed by the name of the image without its tag. The certificates are copied from the machine,
# which may trust an additional one.
STAND_INS = {
    "python": f"""{INSTALL} ca-certificates python{{version}}-venv
RUN python{{version}} -m venv /usr/local
COPY certificates.pem /etc/ssl/certs/ca-certificates.crt
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt
CMD ["python"]
""",
    "postgres": f"""{INSTALL} postgresql-{{version}}
RUN rm -rf /var/lib/postgresql/*
STOPSIGNAL SIGINT
""",
    "mysql": f"""{INSTALL} mysql-server-core mysql-client-core
RUN getent passwd mysql || useradd --system mysql
""",
    "mariadb": f"""{INSTALL} mariadb-server
RUN rm -rf /var/lib/mysql/*
RUN printf '#!/bin/sh\\nexec mariadb-admin -h 127.0.0.1 ping\\n' >/usr/local/bin/healthcheck.sh
RUN chmod +x /usr/local/bin/healthcheck.sh
""",
}


# These options need no systemd, and work on a machine that is itself a container.
CONFIGURATION = """[containers]
default_ulimits = ["nofile=1024:4096", "nproc=1024:1024"]
log_driver = "k8s-file"

[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"

[network]
network_backend = "netavark"
"""


@dataclass
class Podman:
    """An engine with its own images, containers and networks, in one folder."""

    folder: Path
    made: dict[str, str] = field(default_factory=dict)  # base image → its origin

    def __call__(
        self, *command: str | Path, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a podman command; if it fails, its output is the message."""
        done = subprocess.run(
            [
                "podman", "--root", self.folder / "images", "--runroot", self.folder / "running",
                *command,
            ],
            cwd=self.folder,
            env=clean_environment() | {"CONTAINERS_CONF": str(self.folder / "containers.conf")},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, f"podman {command}:\n{done.stdout}"
        return done

    def exists(self, kind: str, name: str) -> bool:
        return self(kind, "exists", name, check=False).returncode == 0

    def need(self, image: str) -> str:
        """Pull an image or make its replacement, and return its origin."""
        if image not in self.made:
            self.made[image] = self.pull_or_make(image)
        return self.made[image]

    def pull_or_make(self, image: str) -> str:
        full = f"{LIBRARY}/{image}"
        if self("pull", "--quiet", full, check=False).returncode == 0:
            return "the official image"
        if not shutil.which("debootstrap"):
            pytest.skip(f"{full} cannot be pulled, and a stand-in needs debootstrap")
        self.stand_in(image, full)
        return "a stand-in made of Debian's unstable"

    def stand_in(self, image: str, full: str) -> None:
        """Make an image of the same name, with the release of its tag if there is one."""
        if not self.exists("image", UNSTABLE):
            self.bootstrap()
        name, _, tag = image.partition(":")
        version = tag.partition("-")[0]
        context = self.folder / name
        context.mkdir()
        lines = STAND_INS[name].replace("{version}", version)
        if name in ENTRYPOINTS:
            (context / "entrypoint").write_text(ENTRYPOINTS[name])
            (context / "entrypoint").chmod(0o755)
            lines += 'COPY entrypoint /\nENTRYPOINT ["/entrypoint"]\n'
        (context / "Containerfile").write_text(lines)
        bundle = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
        shutil.copy2(bundle, context / "certificates.pem")
        self("build", "--network=host", "--pull=never", "--tag", full, context)

    def bootstrap(self) -> None:
        """Make an image of a minimal Debian."""
        targets = ("$(REPO_URI)", "Label: Debian", "Created-By: Packages")
        mirror, *_ = subprocess.run(
            ["apt-get", "indextargets", "--format", *targets],
            stdout=subprocess.PIPE, text=True, check=True,
        ).stdout.split()  # fmt: skip
        root = self.folder / "unstable"
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", "sid", root, mirror],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        archive = self.folder / "unstable.tar"
        with tarfile.open(archive, "w") as file:
            file.add(root, arcname=".")
        self("import", archive, UNSTABLE)
        archive.unlink()
        shutil.rmtree(root)


@contextmanager
def podman() -> Iterator[Podman]:
    """Yield an engine for the tests, or skip and name what is missing."""
    if not all(map(shutil.which, ("podman", "runc", "iptables"))):
        pytest.skip(f"there is no podman with runc and iptables: apt install {PACKAGES}")
    if not AS_ROOT:
        pytest.skip("podman with runc and networks of its own needs root")
    with TemporaryDirectory(dir="/var/tmp", ignore_cleanup_errors=True) as name:
        engine = Podman(Path(name))
        (engine.folder / "containers.conf").write_text(CONFIGURATION)
        try:
            yield engine
        finally:
            engine("rm", "--all", "--force", "--time=0", check=False)
            engine("rmi", "--all", "--force", check=False)


def compose_services(project: Path, **variables: str) -> dict[str, dict[str, Any]]:
    """Return the services of `compose.yaml`; a variable that is not given has its default."""
    text = re.sub(
        r"\$\{(\w+):-(\w+)\}",
        lambda found: variables.get(found[1], found[2]),
        (project / "compose.yaml").read_text(),
    )
    services: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    return services


class Compose:
    """Runs the services of a `compose.yaml` with podman.

    podman-compose is not used: it waits for a healthy database only with podman 4.6, and it
    ignores the exit code of the migrations.
    """

    def __init__(self, engine: Podman, project: Path, **variables: str) -> None:
        """Read the file, and replace its published ports with free ones."""
        self.engine, self.project = engine, project
        self.name = f"test-{uuid4().hex[:8]}"
        self.services = compose_services(project, **variables)
        self.port = free_port()

    def of(self, service: str) -> str:
        """Return the name of the container of a service."""
        return f"{self.name}-{service}"

    def build(self) -> None:
        """Build the image of the project, after its base images."""
        self.bases()
        # Docker's format, because the OCI format has no health checks.
        options = ("--format=docker", "--network=host", "--pull=never", "--tag")
        image = f"localhost/{self.services['app']['image']}"
        self.engine("build", *options, image, self.project)

    def bases(self) -> dict[str, str]:
        """Describe all images that are not built here."""
        dockerfile = (self.project / "Dockerfile").read_text()
        named = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
        named += [it["image"] for it in self.services.values() if "build" not in it]
        return {image: self.engine.need(image) for image in dict.fromkeys(named)}

    def up(self) -> None:
        """Start each service when the conditions of its `depends_on` are met."""
        if not self.engine.exists("network", self.name):
            self.engine("network", "create", self.name)
        self.start("app")
        self.wait_until_healthy("app")

    def start(self, name: str) -> None:
        for other, depends in self.services[name].get("depends_on", {}).items():
            if not self.engine.exists("container", self.of(other)):
                self.start(other)
            if depends["condition"] == "service_healthy":
                self.wait_until_healthy(other)
            else:
                assert depends["condition"] == "service_completed_successfully"
                ended = self.engine("wait", self.of(other)).stdout.strip()
                assert ended == "0", self.log(other)
        self.engine("run", "--detach", *self.options(name))

    def options(self, name: str) -> list[str]:
        """Translate a service to options of podman; an unknown key is an error."""
        service = dict(self.services[name])
        service.pop("depends_on", None)
        service.pop("restart", None)
        image = f"{'localhost' if service.pop('build', None) else LIBRARY}/{service.pop('image')}"
        command = service.pop("command", [])
        options = [f"--name={self.of(name)}", f"--network={self.name}", f"--network-alias={name}"]
        given = service.pop("environment", {})
        pairs = given if isinstance(given, list) else [f"{key}={it}" for key, it in given.items()]
        options += [f"--env={pair}" for pair in pairs]
        for published in service.pop("ports", []):
            host, _, inside = published.split(":")
            outside = self.port if name == "app" else free_port()
            options.append(f"--publish={host}:{outside}:{inside}")
        options += [f"--volume={self.name}-{it}" for it in service.pop("volumes", [])]
        options += [f"--tmpfs={it}" for it in service.pop("tmpfs", [])]
        options += [f"--cap-drop={it}" for it in service.pop("cap_drop", [])]
        options += [f"--security-opt={it}" for it in service.pop("security_opt", [])]
        if service.pop("read_only", False):
            options += ["--read-only", "--read-only-tmpfs=false"]
        health = service.pop("healthcheck", {})
        if "test" in health:
            options.append(f"--health-cmd={health['test']}")
        elif health.get("disable"):
            options.append("--no-healthcheck")
        if grace := service.pop("stop_grace_period", ""):
            seconds = int(grace[:-1]) * {"s": 1, "m": 60}[grace[-1]]
            options.append(f"--stop-timeout={seconds}")
        assert not service, f"{name}: what is {service} to podman?"
        return [*options, image, *command]

    def wait_until_healthy(self, name: str) -> None:
        """Run the health check, which podman leaves to systemd."""
        deadline = time.monotonic() + 120
        while True:
            done = self.engine("healthcheck", "run", self.of(name), check=False)
            if done.returncode == 0:
                return
            if time.monotonic() > deadline:
                pytest.fail(f"{name} is not healthy: {done.stdout}\n{self.log(name)}")
            time.sleep(0.5)

    def client(self) -> httpx2.Client:
        """Return a client of the service at its published address."""
        return httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)

    def inside(self, name: str, command: str) -> str:
        """Run a shell command in a container, and return its output."""
        return self.engine("exec", self.of(name), "sh", "-c", command).stdout.strip()

    def wait_for(self, name: str, text: str) -> None:
        """Wait until a container has logged a text."""
        deadline = time.monotonic() + 30
        while text not in self.log(name):
            assert time.monotonic() < deadline, self.log(name)
            time.sleep(0.1)

    def log(self, name: str) -> str:
        return self.engine("logs", self.of(name)).stdout

    def exit_code(self, name: str) -> int:
        form = "{{.State.ExitCode}}"
        return int(self.engine("inspect", "--format", form, self.of(name)).stdout)

    def down(self, *, volumes: bool = False) -> None:
        """Stop and remove all containers, and keep volumes."""
        for name in ("app", "migrate", "db"):
            self.engine("stop", "--ignore", self.of(name), check=False)
            self.engine("rm", "--force", "--ignore", self.of(name))
        if volumes:
            self.engine("volume", "rm", "--force", f"{self.name}-data")
            self.engine("network", "rm", "--force", self.name)


@contextmanager
def running(compose: Compose) -> Iterator[Compose]:
    """Keep all services of a file running, and remove everything afterwards."""
    try:
        compose.up()
        yield compose
    finally:
        compose.down(volumes=True)
