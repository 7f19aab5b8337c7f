"""The schema of the tables of products."""

SCHEMA: str | None = None
