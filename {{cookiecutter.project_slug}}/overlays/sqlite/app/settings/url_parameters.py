"""What may follow the `?` of `DATABASE_URL`."""

NUMBERS = frozenset({"timeout", "cached_statements"})

CHOICES: dict[str, list[str]] = {}

PARAMETERS = NUMBERS
