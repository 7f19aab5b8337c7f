"""Fields of numbers."""

import re
from decimal import Decimal

from new_domain import limits
from new_domain.fields import Asked, Field, RefusedError
from new_domain.names import Domain


def integer(asked: Asked, domain: Domain) -> Field:
    """Make a whole number."""
    least, most = asked.minimum or str(-limits.INTEGER - 1), asked.maximum or str(limits.INTEGER)
    if "." in least + most or not -limits.INTEGER - 1 <= int(least) <= int(most) <= limits.INTEGER:
        raise RefusedError(f"{asked.name}: int has bounds from -2**31 to 2**31 - 1.")
    check_range(asked, int(most) - int(least))
    alias = domain.class_name(asked.name)
    low, high = asked.minimum or "-MAX_INTEGER - 1", asked.maximum or "MAX_INTEGER"
    first, second = (min(max(int(least), 0) + more, int(most)) for more in (3, 5))
    return Field(
        asked=asked,
        column=asked.name,
        python="int",
        alias=f"{alias} = Annotated[int, Field(strict=True, ge={low}, le={high})]"
        '  # neither true nor "1"',
        schema=alias,
        parameter="int",
        samples=(str(first), str(second)),
        invalid=(
            str(int(asked.minimum) - 1) if asked.minimum else "-(2**31) - 1",
            str(int(asked.maximum) + 1) if asked.maximum else "2**31",
            "True",
            '"1"',
            "1.5",
        ),
        numbered=f"lambda number: {asked.minimum} + number" if asked.minimum else "int",
    )


def decimal(asked: Asked, domain: Domain) -> Field:
    """Make a decimal, which is a text in JSON."""
    if len(asked.arguments) != 2 or not all(
        re.fullmatch("[0-9]{1,4}", it) for it in asked.arguments
    ):
        raise RefusedError(f"{asked.name}: write Decimal(digits,places).")
    digits, places = map(int, asked.arguments)
    if not 1 <= digits <= limits.DIGITS or not places <= min(digits, limits.PLACES):
        raise RefusedError(
            f"{asked.name}: Decimal has from 1 to {limits.DIGITS} digits, and at most"
            f" {limits.PLACES} of them after the point."
        )
    unit = Decimal(1).scaleb(-places)
    largest = Decimal(10) ** (digits - places) - unit
    least, most = Decimal(asked.minimum or -largest), Decimal(asked.maximum or largest)
    if not -largest <= least <= most <= largest or least % unit or most % unit:
        raise RefusedError(f"{asked.name}: Decimal({digits},{places}) cannot have these bounds.")
    check_range(asked, (most - least) / unit)
    alias = domain.class_name(asked.name)
    bounds = [f'ge=Decimal("{least}")'] * bool(asked.minimum)
    bounds += [f'le=Decimal("{most}")'] * bool(asked.maximum)
    step = max(unit, min(Decimal(1), largest / 10).quantize(unit))
    first, second = (min(max(least, Decimal(0)) + step * more, most) for more in (3, 5))
    start = f'Decimal("{least}") + ' if asked.minimum and least else ""
    limited = ", ".join([f"max_digits={digits}", f"decimal_places={places}", *bounds])
    return Field(
        asked=asked,
        column=asked.name,
        python="Decimal",
        stored=f"Numeric({digits}, {places})",
        alias=f"{alias} = Annotated[Decimal, Field({limited})]",
        schema=alias,
        samples=(f'"{first:.{places}f}"', f'"{second:.{places}f}"'),
        invalid=(f'"{least - unit}"', f'"{most + unit}"', '"NaN"', '"x"', "True"),
        numbered=f'lambda number: {start}number * Decimal("{unit}")',
    )


def check_range(asked: Asked, values: Decimal | int) -> None:
    """Reject a unique field with so few values that a table would soon be full."""
    if asked.unique and values < limits.UNIQUE:
        raise RefusedError(f"{asked.name}: unique would allow only {values + 1:.0f} rows.")
