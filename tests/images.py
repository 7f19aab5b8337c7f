"""Container images without a container engine: they are built in folders and run in namespaces.

The lines of the Dockerfile are run, with a Python of the machine instead of the base image. Paths
become paths below a folder. Packages of the distribution must be installed on the machine.
"""

import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory

from processes import clean_environment, free_port, run, wait_for_port
from servers import AS_ROOT

NAMESPACES = ["unshare", "--fork", "--pid", "--mount", "--mount-proc"]
# The Python of the tests may be in a home folder that the user of the image may not enter, so only
# this Python is mounted there. All mounts are read-only, except the named folders.
CONTAIN = r"""
user=$1 writable=$2 tmpfs=$3 python=$4 closed=$5 rights=$6; shift 6
if [ -n "$closed" ]; then
    kept=$(mktemp --directory)
    mount --bind "$python" "$kept"
    mount -t tmpfs -o mode=755 tmpfs "$closed"
    mkdir -p "$python"
    mount --move "$kept" "$python"
fi
[ -d "$writable" ] && mount --bind "$writable" "$writable"
awk '{ print $2 }' /proc/mounts | grep --invert-match --line-regexp --fixed-strings "$writable" |
    while read -r mounted; do mount -o remount,bind,ro "$mounted" 2>/dev/null; done
[ -n "$tmpfs" ] && mount -t tmpfs -o "mode=1777,${tmpfs#*:}" tmpfs "${tmpfs%%:*}"
touch ./written 2>/dev/null && { echo "the file system is not read-only"; exit 1; }
exec setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs \
    --inh-caps="$rights" --ambient-caps="$rights" "$@"
"""
PYTHON = Path(sys.base_prefix).resolve()
CLOSED = [path for path in reversed(PYTHON.parents) if not path.stat().st_mode & stat.S_IXOTH]
CONTAINED = (
    AS_ROOT
    and shutil.which("unshare") is not None
    and subprocess.run([*NAMESPACES, "true"], check=False, capture_output=True).returncode == 0
)


class BuildError(Exception):
    """A line of the Dockerfile failed; the message is its output."""


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Return the keyword and the rest of each instruction, joined to one line."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(key, rest) for key, _, rest in (it.partition(" ") for it in whole.splitlines()) if key]


def command_of(text: str) -> list[str]:
    """Parse the exec form; in the shell form, a shell would receive the signals for the server."""
    parsed = json.loads(text)
    assert isinstance(parsed, list)
    return parsed


@dataclass
class Image:
    """The content of an image, and how to run it."""

    root: Path  # the folder for `/`
    environment: dict[str, str]
    workdir: Path
    user: str = ""
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)
    stop_signal: str = ""
    tmpfs: str = ""  # path and options of a tmpfs, in Compose's syntax

    def moved(self, text: str) -> str:
        """Replace absolute paths with paths below the root of the image."""
        return re.sub(r"(?<!\w)/(srv|data)\b", rf"{self.root}/\1", text)

    def run(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the image, as well as the service."""
        environment = self.environment | settings
        return subprocess.run(
            [*self.contain(environment), *command], cwd=self.workdir, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip

    def contain(self, environment: dict[str, str]) -> list[str]:
        """Return a command prefix: it runs as process 1 and as the image's user, and cannot write.

        It has no capabilities, with one exception: if the socket of a server is in its data folder,
        which belongs to another user, the command may read files of other users.
        """
        if not CONTAINED:
            return []
        socket = re.search("host=(/|%2F)", environment.get("DATABASE_URL", ""))
        rights = "-all,+dac_read_search" if socket else "-all"
        user, _, _ = self.user.partition(":")
        writable = str(self.root / "data")
        python = (str(PYTHON), str(CLOSED[0]) if CLOSED else "")
        return [*NAMESPACES, "sh", "-c", CONTAIN, "sh", user, writable, self.tmpfs, *python, rights]


def context(project: Path) -> dict[str, Path]:
    """Return what `.dockerignore` allows: it excludes all files, and names the exceptions."""
    lines = (project / ".dockerignore").read_text().splitlines()
    first, *others = [line for line in lines if not line.startswith("#")]
    assert first == "*"
    names = [line[1:] for line in others if line.startswith("!")]
    return {name: project / name for name in names if (project / name).exists()}


class Build:
    """Executes a Dockerfile; each method has the name of its instruction."""

    def __init__(self, project: Path, folder: Path, workspace: Path | None = None) -> None:
        self.project, self.folder, self.workspace = project, folder, workspace
        self.base = folder / "base"
        if not self.base.exists():
            run(sys.executable, "-m", "venv", self.base, cwd=folder)
        for stage in ("root", "build"):
            shutil.rmtree(folder / stage, ignore_errors=True)
        self.image: Image

    def whole(self) -> Image:
        """Execute all instructions of the Dockerfile."""
        for keyword, rest in instructions(self.project / "Dockerfile"):
            getattr(self, f"do_{keyword.lower()}")(rest)
        return self.image

    def do_from(self, _rest: str) -> None:
        root = self.folder / "root"
        if root.exists():
            root.rename(self.folder / "build")
        root.mkdir(mode=0o755)
        path = f"{self.base}/bin:/usr/local/bin:/usr/bin:/bin"
        self.image = Image(root, clean_environment() | {"HOME": "/", "PATH": path}, workdir=root)

    def do_env(self, rest: str) -> None:
        environment = self.image.environment
        for pair in shlex.split(self.image.moved(rest)):
            name, _, value = pair.partition("=")
            if name != "UV_NO_CACHE":  # it keeps an image small: here it would only take time
                environment[name] = value.replace("$PATH", environment["PATH"])

    def do_workdir(self, rest: str) -> None:
        self.image.workdir = Path(self.image.moved(rest))
        self.image.workdir.mkdir(exist_ok=True)

    def do_copy(self, rest: str) -> None:
        *patterns, target = rest.split()
        place = self.image.workdir / self.image.moved(target)
        if patterns[0] == "--from=build":
            whole = self.folder / f"build{patterns[1]}"
            shutil.copytree(whole, place, symlinks=True, dirs_exist_ok=True)
            return
        if patterns[0] == "--from=workspace":
            assert self.workspace
            place.mkdir(parents=True)
            for name in patterns[1:]:
                shutil.copy2(self.workspace / name, place)
            return
        if target.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
        sources = context(self.project)
        for pattern in patterns:
            found = [path for name, path in sources.items() if fnmatch(name, pattern)]
            if not found and not set(pattern) & set("*?["):
                raise BuildError(f"COPY {pattern}: not found")
            for path in found:
                if path.is_dir():
                    shutil.copytree(path, place, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy2(path, place)

    def do_run(self, rest: str) -> None:
        if rest.startswith("apt-get "):
            return
        command = self.image.moved(rest)
        if not AS_ROOT:  # only root may change the owner of a folder
            command = re.sub(r"-[og] \d+ ", "", command)
        done = subprocess.run(
            command, shell=True, cwd=self.image.workdir, env=self.image.environment, umask=0o022,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise BuildError(f"RUN {command}:\n{done.stdout}")

    def do_user(self, rest: str) -> None:
        self.image.user = rest

    def do_expose(self, rest: str) -> None:
        assert rest == "8000"

    def do_stopsignal(self, rest: str) -> None:
        self.image.stop_signal = rest

    def do_healthcheck(self, rest: str) -> None:
        self.image.healthcheck = command_of(rest.partition("CMD ")[2])

    def do_cmd(self, rest: str) -> None:
        self.image.command = command_of(rest)


def build(project: Path, folder: Path, workspace: Path | None = None) -> Image:
    """Build the image of a project in a folder; `workspace` is an additional build context."""
    return Build(project, folder, workspace).whole()


@dataclass
class Service:
    """A running image."""

    image: Image
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    settings: dict[str, str]

    def said(self, text: str, times: int) -> bool:
        """Wait until the log contains a text once for each worker."""
        deadline = time.monotonic() + 20
        while self.log.read_text().count(text) < times and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.log.read_text().count(text) == times

    def check(self) -> int:
        """Run the health check of the image, and return its exit code."""
        command = [part.replace("8000", str(self.port)) for part in self.image.healthcheck]
        return self.image.run(*command, **self.settings).returncode

    def signal(self, name: str) -> None:
        """Send a signal to process 1 of the image, unless it has ended."""
        pid = self.process.pid
        if CONTAINED:  # the process is `unshare`, which waits for its only child
            children = Path(f"/proc/{pid}/task/{pid}/children")
            pid = int(children.read_text() or 0) if self.process.poll() is None else 0
        if pid:
            os.kill(pid, signal.Signals[name])

    def stop(self) -> None:
        """Stop the image as a container engine would."""
        self.signal(self.image.stop_signal)


@contextmanager
def serving(image: Image, command: list[str], **settings: str) -> Iterator[Service]:
    """Keep the command of an image running on a free port."""
    port = free_port()
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [*image.contain(image.environment | settings), *(part.replace("8000", str(port)) for part in command)],
                cwd=image.workdir, env=image.environment | settings, stdout=output, stderr=output,
            )  # fmt: skip
        service = Service(image, port, process, log, settings)
        try:
            wait_for_port(port, process, log)
            yield service
        finally:
            service.signal("SIGKILL")
            process.wait(30)
