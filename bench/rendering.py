"""Time of one rendering, compared with an empty template: `uv run python bench/rendering.py`.

Prints ratios of medians over alternating rounds, so that other load affects both alike.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cookiecutter.main import cookiecutter

ROOT = Path(__file__).parents[1]
ROUNDS = 15


def empty_template(folder: Path) -> Path:
    """Make a template that renders one folder with one empty file."""
    template = folder / "empty"
    project = template / "{{cookiecutter.project_slug}}"
    project.mkdir(parents=True)
    (project / "README.md").touch()
    (template / "cookiecutter.json").write_text('{"project_slug": "my-api"}')
    return template


def by_command(template: Path, folder: Path) -> None:
    """Render as a user does."""
    subprocess.run(
        [sys.executable, "-m", "cookiecutter", template, "--no-input", "-f", "-o", folder],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def in_process(template: Path, folder: Path) -> None:
    """Render from Python."""
    cookiecutter(str(template), no_input=True, overwrite_if_exists=True, output_dir=str(folder))


def seconds(render: Callable[[Path, Path], None], template: Path) -> float:
    """Time one rendering into a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        render(template, Path(folder))
        return time.perf_counter() - begin


def main() -> None:
    """Measure, and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        empty = empty_template(Path(folder))
        for name, render in (("command", by_command), ("in process", in_process)):
            pairs = [(seconds(render, ROOT), seconds(render, empty)) for _ in range(ROUNDS)]
            ours, reference = (statistics.median(column) for column in zip(*pairs, strict=True))
            print(
                f"{name}: {ours:.3f} s, {1 / ours:.1f}/s;"
                f" {ours / reference:.2f} x an empty template ({reference:.3f} s)"
            )


if __name__ == "__main__":
    main()
