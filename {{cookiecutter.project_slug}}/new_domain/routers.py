"""Adds a router to `app/main.py`."""

from new_domain.names import Domain

# The lines before which the two new lines are added, as in the README.
BEFORE = ("from app.settings import Settings\n", "    app.include_router(health.router)\n")


def lines(domain: Domain) -> tuple[str, str]:
    """Return the line that imports the router, and the one that includes it."""
    name = f"{domain.plural}_router"
    return (
        f"from app.{domain.plural}.router import router as {name}\n",
        f"    app.include_router({name})\n",
    )


def with_router(text: str, domain: Domain) -> str | None:
    """Return the module with the two lines, or None if it has changed too much."""
    for line, before in zip(lines(domain), BEFORE, strict=True):
        if text.count(before) != 1:
            return None
        text = text.replace(before, line + before)
    return text
