"""The parameters that `DATABASE_URL` may have after `?`."""

NUMBERS = frozenset({"timeout", "cached_statements"})

CHOICES: dict[str, list[str]] = {}

PARAMETERS = NUMBERS
