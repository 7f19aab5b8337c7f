"""Draw `interactive.svg` from a real run: `uv run python docs/record.py`; needs tmux."""

import re
import subprocess
import tempfile
import time
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
WIDTH = 84
ANSWERS = ["Stock", "", "Keeps stock of a shop", "", "", "2", "2", "", "1", "", "1", ""]


def tmux(*arguments: str) -> str:
    """Send one command to a tmux server of our own."""
    command = ["tmux", "-L", "record", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def wait_for(text: str) -> None:
    """Wait until the terminal shows this, for half a minute at most."""
    for _ in range(60):
        time.sleep(0.5)
        if text in tmux("capture-pane", "-p"):
            return
    raise TimeoutError(text)


def record(folder: str) -> str:
    """Answer every question as a person would; give what the terminal shows in the end."""
    subprocess.run(["git", "clone", "--quiet", ROOT, f"{folder}/template"], check=True)
    tmux(
        "new-session", "-d", "-x", str(WIDTH), "-y", "56", "-c", folder, "env PS1='$ ' bash --norc"
    )
    tmux("send-keys", "cd template; clear; cookiecutter . -o ..", "Enter")
    for number, answer in enumerate(ANSWERS, 1):
        wait_for(f"[{number}/{len(ANSWERS)}]")
        tmux("send-keys", "-l", answer)
        tmux("send-keys", "Enter")
    wait_for("uv run fastapi dev")
    screen = tmux("capture-pane", "-e", "-p")
    tmux("kill-server")
    return screen


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        screen = record(folder).rstrip().removesuffix("$").rstrip()
    screen = screen.replace(folder, "/home/me")  # a shorter path than the temporary one
    console = Console(record=True, width=WIDTH, file=StringIO())
    console.print(Text.from_ansi(screen))
    drawing = console.export_svg(title="uvx cookiecutter . -o ..")
    # No font from elsewhere: the reader's own monospace will do.
    drawing = re.sub(r"@font-face \{.*?\}\s*", "", drawing, flags=re.DOTALL)
    (ROOT / "docs/interactive.svg").write_text(drawing)
