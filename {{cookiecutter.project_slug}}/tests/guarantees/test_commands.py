"""Commands use the settings, logs and models of the service."""

import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import URL

from app.settings import Settings
from app.tables import metadata
from tests.dialect import UNREACHABLE


def run(url: URL, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a separate process, in a folder without `.env`."""
    address = url.render_as_string(hide_password=False)
    return subprocess.run(
        [sys.executable, "-m", "app.commands.count_rows"],
        cwd=folder,
        env=os.environ | {"DATABASE_URL": address, "PYTHONPATH": str(Path.cwd())},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_a_command_knows_every_table(settings: Settings, tmp_path: Path) -> None:
    done = run(settings.database_url, tmp_path)
    assert done.returncode == 0, done.stderr
    for table in metadata.sorted_tables:
        assert f"{table.fullname} has " in done.stderr


def test_a_failed_command_logs_it_and_exits_with_1(tmp_path: Path) -> None:
    done = run(UNREACHABLE, tmp_path)
    assert done.returncode == 1
    assert "The command failed" in done.stderr
    assert "hunter2" not in done.stderr
