"""Copy the chosen overlays over the project, remove the rest, say what was made and how to start it."""

import json
import shlex
import shutil
import sys
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")
OVERLAYS = Path("overlays")


def options(answers):
    """Name the overlays of the optional answers: a yes by its question, a choice by itself."""
    for question in answers["_options"]:
        answer = answers[question]
        if answer is True:
            yield question
        elif answer not in (False, "none"):
            yield answer


def chosen(answers):
    """Name the overlays of these answers: variant, engine, options, then what needs both of two."""
    row = answers["_databases"][answers["database"]][answers["session"]][answers["driver"]]
    names = [answers["session"], *row["overlays"], *options(answers)]
    known = {part for path in OVERLAYS.iterdir() for part in path.name.split("+")}
    missing = [name for name in names if name not in known]
    if missing:
        sys.exit(f"the template has no folder overlays/{missing[0]}: its table names one")
    # A folder `async+server` holds what only the two together need.
    both = [path.name for path in sorted(OVERLAYS.glob("*+*"))]
    alone = [name for name in names if (OVERLAYS / name).is_dir()]
    return alone + [name for name in both if set(name.split("+")) <= set(names)]


def first_commands(answers):
    """Yield the commands that start the service, those that its README begins with."""
    if "_output_dir" in answers:  # cruft renders in a temporary folder
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

# A path that the terminal cannot show must not cost the project: a hook that fails removes it.
sys.stdout.reconfigure(errors="backslashreplace")
made = "{project_slug}: {session} sessions on {database}, driver {driver}, with {extras}"
print(f"\n{made}\n".format(**ANSWERS, extras=", ".join(options(ANSWERS)) or "no options"))
for command in first_commands(ANSWERS):
    print(f"    {command}")
label, port = map(ANSWERS["_databases"][ANSWERS["database"]].get, ("label", "port"))
if port:
    print(f"\nIt needs a {label} server: README.md says where it is looked for.")
print()
