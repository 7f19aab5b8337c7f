"""Where the tables of products are."""

SCHEMA: str | None = None
