"""Commands of Cookiecutter as a user or a CI job runs them, and the files that they write."""

import os
import subprocess
import sys
from pathlib import Path

from combinations import ROOT
from processes import UV, run


def config_file(own: Path) -> Path:
    """Write a configuration that keeps the folders of Cookiecutter inside the test's folder."""
    folders = {"cookiecutters_dir": own / "cookiecutters", "replay_dir": own / "replay"}
    config = own / "config.yaml"
    config.write_text("".join(f'{key}: "{folder}"\n' for key, folder in folders.items()))
    return config


OUR_OWN = (sys.executable, "-m", "cookiecutter")


def render_by(
    program: tuple[str, ...], output: Path, *options: str, **answers: str
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, with the folders of Cookiecutter in the test's folder."""
    return run(
        *program, str(ROOT), "--no-input", "--output-dir", str(output),
        *options, *(f"{key}={value}" for key, value in answers.items()),
        cwd=ROOT, check=False, COOKIECUTTER_CONFIG=str(config_file(output.parents[1])),
    )  # fmt: skip


def release(version: str) -> tuple[str, ...]:
    """Return a command prefix for a release of Cookiecutter, which uv installs in its cache."""
    return (UV, "tool", "run", "--python", sys.executable, f"cookiecutter@{version}")


def cookiecutter(output: Path, *options: str, **answers: str) -> subprocess.CompletedProcess[str]:
    """Run the installed Cookiecutter."""
    return render_by(OUR_OWN, output, *options, **answers)


def shell(
    output: Path, line: str, *, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a line in a shell, in which `uvx` starts the installed Cookiecutter or cruft."""
    own = output.parents[1]
    program = own / "bin" / "uvx"
    program.parent.mkdir(exist_ok=True)
    program.write_text(
        f'#!/bin/sh\n[ "$1" = cruft ] && exec {UV} tool run --python {sys.executable} "$@"\n'
        f'shift\nexec {" ".join(OUR_OWN)} "$@"\n'
    )
    program.chmod(0o755)
    return run(
        "bash", "-e", "-c", line, cwd=cwd or own, check=False,
        COOKIECUTTER_CONFIG=str(config_file(own)), PATH=f"{program.parent}:{os.environ['PATH']}",
        **environment,
    )  # fmt: skip


def printed(done: subprocess.CompletedProcess[str], beginning: str) -> str:
    """Return the line of an output that begins with this text."""
    lines = [line.strip() for line in done.stdout.splitlines()]
    return next(line for line in lines if line.startswith(beginning))


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def assert_refused(done: subprocess.CompletedProcess[str], output: Path, word: str) -> None:
    assert done.returncode == 1, done.stdout
    assert word in done.stdout
    assert files_below(output.parent) == []


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in files_below(folder)}
