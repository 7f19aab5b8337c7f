"""Validates `DATABASE_URL` at startup: rejects what could not work or would be ignored."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.settings.url_parameters import CHOICES, NUMBERS, PARAMETERS

DEFAULT_URL = make_url(
    "{{ cookiecutter.database }}+{{ cookiecutter.driver }}://{{ cookiecutter._databases[cookiecutter.database].address.format(cookiecutter.project_slug | replace('-', '_')) }}",
)


def parse_url(value: URL | str) -> URL:
    """Parse a URL, or raise `ValueError` with a message that does not contain the password."""
    try:
        url = make_url(value.strip() if isinstance(value, str) else value)
    except ArgumentError:
        #% if cookiecutter.database == "sqlite"
        raise ValueError(f"is not a database URL: write it like {DEFAULT_URL}") from None
        #% else
        raise ValueError(
            f"is not a database URL: write it like {DEFAULT_URL}, and in the password"
            " write @ : / % # as %40 %3A %2F %25 %23"
        ) from None
        #% endif
    #% if cookiecutter.database == "sqlite"
    if url.drivername != DEFAULT_URL.drivername or url.database in {None, "", ":memory:"}:
        raise ValueError(
            f"{url.set(query={})} is not valid for this service:"
            f" the URL must begin with {DEFAULT_URL.drivername}:/// and end with a file path"
        )
    #% else
    if url.drivername != DEFAULT_URL.drivername or not url.database:
        raise ValueError(
            f"{url.set(query={})} is not valid for this service:"
            f" the URL must begin with {DEFAULT_URL.drivername}:// and end with a database name"
        )
    #% endif
    validate_connection(url)
    return url


def validate_connection(url: URL) -> None:
    """Raise `ValueError` for values that the driver would reject at the first query, or ignore."""
    driver = url.get_driver_name()
    for name, value in url.query.items():
        if name not in PARAMETERS:
            raise ValueError(
                f"has the parameter {name!r}, which is not allowed with {driver}:"
                f" allowed are {', '.join(sorted(PARAMETERS))}"
            )
        if isinstance(value, tuple) and name != "host":
            raise ValueError(f"has the parameter {name!r} more than once")
        if name in NUMBERS and not str(value).isdecimal():
            raise ValueError(f"has {name}={value}, which is not a whole number")
        if name in CHOICES and value not in CHOICES[name]:
            raise ValueError(f"has {name}={value}: allowed are {', '.join(CHOICES[name])}")
    #% if cookiecutter.database != "sqlite"
    try:
        (url.host or "").encode("idna")
    except UnicodeError:
        raise ValueError(f"has the host {url.host!r}, which is not a valid host name") from None
    if url.port is not None and url.port not in range(2**16):
        raise ValueError(f"has the port {url.port}, which is above 65535")
    #% endif
    #% if cookiecutter.database == "postgresql"
    try:
        url.get_dialect()().create_connect_args(url)
    except ArgumentError as error:  # such as several hosts without ports
        raise ValueError(f"cannot be used: {error}") from None
    #% endif
    try:
        url.get_dialect().import_dbapi()
    except ImportError as error:
        raise ValueError(f"needs {driver}, which cannot be imported: {error}") from None
