"""How long the values of a field may be."""

NAME = 40  # characters of a name
IDENTIFIER = 63  # characters of the name of a constraint, on every server
STRING = 1000  # characters of str(n)
INDEXED = 600  # characters of str(n) in an index: servers limit the bytes of an entry
TEXT = 10_000  # characters of text
INTEGER = 2**31 - 1  # int
#% if cookiecutter.database == "sqlite"
DIGITS = 15  # of a Decimal, which is stored as a float
#% elif cookiecutter.database == "postgresql"
DIGITS = 1000  # of a Decimal
#% else
DIGITS = 65  # of a Decimal
#% endif
PLACES = 30  # of a Decimal
UNIQUE = 1000  # different values of a unique field, at least
LABEL = 60  # characters of a label of an Enum
