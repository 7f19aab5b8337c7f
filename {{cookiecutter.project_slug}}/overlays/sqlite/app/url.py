"""What may follow the `?` of `DATABASE_URL`."""

NUMBERS = frozenset({"timeout", "cached_statements"})

PARAMETERS = NUMBERS
