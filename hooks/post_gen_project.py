"""Copy the chosen overlays, remove `overlays/`, print what was rendered and how to start it."""

import json
import shlex
import shutil
import sys
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")
OVERLAYS = Path("overlays")


def options(answers):
    """Yield the overlays of the optional answers: the question for a yes, else the choice."""
    for question in answers["_options"]:
        answer = answers[question]
        if answer is True:
            yield question
        elif answer not in (False, "none"):
            yield answer


def chosen(answers):
    """Give the overlays of these answers: variant, database, options, then those of two answers."""
    row = answers["_databases"][answers["database"]][answers["session"]][answers["driver"]]
    names = [answers["session"], *row["overlays"], *options(answers)]
    known = {part for path in OVERLAYS.iterdir() for part in path.name.split("+")}
    missing = [name for name in names if name not in known]
    if missing:
        sys.exit(f"the template has no folder overlays/{missing[0]}, but _databases names it")
    # A folder `async+server` holds files for projects that have both.
    both = [path.name for path in sorted(OVERLAYS.glob("*+*"))]
    alone = [name for name in names if (OVERLAYS / name).is_dir()]
    return alone + [name for name in both if set(name.split("+")) <= set(names)]


def first_commands(answers):
    """Yield the commands that start the service, as in the README of the project."""
    if "_output_dir" in answers:  # cruft renders into a temporary folder
        yield shlex.join(["cd", str(Path.cwd())])
    if answers["_databases"][answers["database"]]["port"]:
        if answers["docker"]:
            yield "docker compose up -d --wait db"
        yield "uv run poe create-db"
    yield "uv run alembic upgrade head"
    yield "uv run fastapi dev"


for overlay in chosen(ANSWERS):
    shutil.copytree(OVERLAYS / overlay, ".", dirs_exist_ok=True)
shutil.rmtree(OVERLAYS)
Path("UNFINISHED.md").unlink()

# Escape what the terminal cannot show: if this hook failed, Cookiecutter would delete the project.
sys.stdout.reconfigure(errors="backslashreplace")
made = "{project_slug}: {session} sessions on {database}, driver {driver}, with {extras}"
print(f"\n{made}\n".format(**ANSWERS, extras=", ".join(options(ANSWERS)) or "no options"))
for command in first_commands(ANSWERS):
    print(f"    {command}")
label, port = map(ANSWERS["_databases"][ANSWERS["database"]].get, ("label", "port"))
if port:
    print(f"\nIt needs a {label} server: README.md says how to set its address.")
print()
