"""The README and its picture show what really happens."""

import html
import os
import re
import runpy
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from combinations import ROOT
from commands import config_file, shell
from processes import clean_environment, free_port, run, wait_for_port

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```console\n([^`]*)\n```\n\n```text\n([^`]*)\n```", README)


def picture() -> str:
    """Return the text of the picture, line by line."""
    drawing = (ROOT / "docs/interactive.svg").read_text(encoding="utf-8")
    lines = defaultdict(list)
    text = r'<text class="[\w-]+" x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>'
    for x, y, part in re.findall(text, drawing):
        lines[float(y)].append((float(x), html.unescape(part)))
    return "\n".join("".join(part for _, part in sorted(lines[y])) for y in sorted(lines))


def test_the_picture_shows_a_real_run(output: Path) -> None:
    typed = runpy.run_path(str(ROOT / "docs/record.py"))["ANSWERS"]
    done = subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(ROOT), "-o", str(output)],
        input="".join(f"{answer}\n" for answer in typed),
        env=os.environ | {"COOKIECUTTER_CONFIG": str(config_file(output.parents[1]))},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
    )  # fmt: skip
    prompts = done.stdout.split("): ")  # a terminal shows the answer after each
    assert len(prompts) == len(typed) + 1
    said = "): ".join(
        [prompts[0], *(f"{it}\n{text}" for it, text in zip(typed, prompts[1:], strict=True))]
    )
    # The picture omits blanks between two colors.
    assert "".join(picture().split()) == "".join(said.replace(str(output), "/home/me").split())


def rendering(command: str, output: Path) -> str:
    """Run the rendering part of a command, in another folder than in the README."""
    line, _, _ = command.partition(" && ")
    line = line.replace("cookiecutter .", f"cookiecutter {ROOT}").replace("-o ..", f"-o {output}")
    done = shell(output, line)
    assert done.returncode == 0, done.stdout
    return done.stdout.replace(str(output), "/home/me")


def test_the_first_command_renders_and_runs_a_service(output: Path, environment: Path) -> None:
    (command, shown), _ = EXAMPLES
    said = rendering(command, output)
    project, port = output / "my-api", free_port()
    assert command.endswith("&& uv run alembic upgrade head && uv run fastapi dev")
    said += run(environment / "alembic", "upgrade", "head", cwd=project).stdout
    log = output / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [environment / "fastapi", "dev", "--no-reload", "--port", str(port)],
            cwd=project, env=clean_environment(), stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip
    wait_for_port(port, process, log)
    process.terminate()
    process.wait(30)
    said += log.read_text().replace(str(port), "8000")
    lines = [line.strip() for line in shown.splitlines() if line != "…"]
    assert len(lines) == 4
    assert [line for line in lines if line not in said] == []


def test_a_command_prints_what_the_readme_shows(output: Path) -> None:
    _, (command, shown) = EXAMPLES
    assert shown.split() == rendering(command, output).split()


def test_a_refusal_is_what_the_readme_shows(output: Path) -> None:
    (shown,) = re.findall(r"```text\n(driver .*?)\n```", README)
    answers = "session=sync database=postgresql driver=asyncpg"
    done = shell(output, f"uvx cookiecutter {ROOT} -o {output} --no-input {answers}")
    assert done.returncode == 1
    assert shown in done.stdout
