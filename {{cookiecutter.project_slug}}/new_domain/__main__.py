"""The command: `uv run poe new-domain orders 'name:str(100) unique, due:datetime?'`."""

import argparse
import subprocess
import sys

from new_domain import limits
from new_domain.fields import Field, RefusedError
from new_domain.kinds import KINDS, make
from new_domain.names import domain_of, mistakes_in_field
from new_domain.parse import parse
from new_domain.project import ROOT
from new_domain.routers import lines
from new_domain.write import write

DESCRIPTION = "Write a new domain: models, schemas, service, router, tests, factory and revision."
EPILOG = f"""\
kinds of fields:
  {", ".join(kind.usage for kind in KINDS.values())}

after the kind, in this order:
  >=0 <=100   a minimum and a maximum, of int and Decimal
  ?           may be null
  unique      no two rows have the same value
  index       the list can be filtered by it (not by Decimal and datetime);
              a reference always has an index

example:
  uv run poe new-domain orders 'name:str(100) unique, price:Decimal(10,2)>=0, due:datetime?,
      status:Enum(open,paid) index, customer:->customers'
"""

UPGRADE = "    uv run alembic upgrade head\n"


def main() -> None:
    """Parse the command line, write the domain and its revision, and say what is left to do."""
    parser = argparse.ArgumentParser(
        prog="uv run poe new-domain",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", help="the plural of what the domain has, such as order_lines")
    parser.add_argument("fields", help="name:kind, separated by commas, in quotation marks")
    parser.add_argument("--singular", help="if the singular of the name is not clear")
    parser.add_argument("--bulk", action="store_true", help="add a route that stores many at once")
    asked = parser.parse_args()
    try:
        create(asked.name, asked.fields, asked.singular, bulk=asked.bulk)
    except RefusedError as error:
        sys.exit("\n".join(error.sentences))


def create(name: str, text: str, singular: str | None, *, bulk: bool) -> None:
    """Write a domain and its revision; raises `RefusedError`."""
    mistakes: list[str] = []
    fields: list[Field] = []
    domain = domain_of(name, singular)
    for asked in parse(text):
        mistakes += mistakes_in_field(asked)
        try:
            fields.append(make(asked, domain))
        except RefusedError as error:
            mistakes += error.sentences
    columns = [field.column for field in fields]
    mistakes += [f"Two fields are named {it}." for it in {*columns} if columns.count(it) > 1]
    for constraint in (it for field in fields for it in field.constraints(domain.plural)):
        if len(constraint) > limits.IDENTIFIER:
            mistakes.append(f"{constraint} has {len(constraint)} characters: use shorter names.")
    if mistakes:
        raise RefusedError(*mistakes)
    included = write(domain, fields, bulk=bulk)
    sys.stdout.write(f"app/{name}/ and tests/{name}/ are written.\n")
    if not included:
        imported, added = lines(domain)
        sys.stdout.write(
            f"Add two lines to app/main.py, the second one in create_app():\n\n{imported}{added}\n"
        )
    sys.stdout.write(revise(domain.words))


def revise(words: str) -> str:
    """Create the revision; return what is left to do."""
    versions = ROOT / "migrations/versions"
    before = {*versions.glob("*.py")}
    command = ["revision", "--autogenerate", "-m", f"Create {words}"]
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "--raiseerr", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    for path in {*versions.glob("*.py")} - before:
        return f"Review {path.relative_to(ROOT).as_posix()}, then run\n\n{UPGRADE}"
    (*_, reason) = ["no reason", *done.stderr.strip().splitlines()]
    return (
        f"There is no revision yet: {reason.partition('Error: ')[2] or reason}\n\n{UPGRADE}"
        f'    uv run alembic revision --autogenerate -m "Create {words}"\n{UPGRADE}'
    )


if __name__ == "__main__":
    main()
