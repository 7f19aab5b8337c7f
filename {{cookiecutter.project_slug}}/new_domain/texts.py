"""Fields of text."""

import re

from new_domain import limits
from new_domain.fields import Asked, Field, RefusedError
from new_domain.names import Domain

NUMERALS = ("First", "Second")


def short_text(asked: Asked, domain: Domain) -> Field:
    """Make a text of limited length."""
    longest = limits.INDEXED if asked.unique or asked.index else limits.STRING
    length = asked.arguments[0] if len(asked.arguments) == 1 else ""
    if not re.fullmatch("[1-9][0-9]{0,3}", length) or int(length) > longest:
        raise RefusedError(f"{asked.name}: write str(n), with n from 1 to {longest}.")
    if asked.unique and len(str(limits.UNIQUE)) > int(length):
        raise RefusedError(f"{asked.name}: str({length}) is too short to be unique.")
    return text(asked, domain, "String({})", int(length))


def text(asked: Asked, domain: Domain, stored: str, length: int) -> Field:
    """Make a text of either kind."""
    constant, alias = f"{asked.name.upper()}_LENGTH", domain.class_name(asked.name)
    words = asked.name.replace("_", " ")
    first, second = (f"{it} {words}" if len(words) + 7 <= length else it[0] for it in NUMERALS)
    return Field(
        asked=asked,
        column=asked.name,
        python="str",
        stored=stored.format(constant),
        constant=f"{constant} = {length:_}",
        alias=f"{alias} = Annotated[Text, StringConstraints(max_length={constant})]",
        schema=alias,
        parameter=alias,
        samples=(f'"{first}"', f'"{second}"'),
        invalid=('""', f'"x" * {length + 1}', r'"a\0b"'),
        numbered=f'lambda number: f"{words.capitalize()} ' + '{number}"'
        if length > len(words) + 6
        else "str",
    )
