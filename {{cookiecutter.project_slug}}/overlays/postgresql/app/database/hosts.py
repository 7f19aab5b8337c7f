"""Several hosts in a URL, such as a primary and its standbys: they are tried one by one."""

#% if cookiecutter.driver != "asyncpg"
import random
#% endif
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection

Arguments = dict[str, Any]

# The hosts of a URL and the wanted kind of server, and which of them accepted a connection last.
last_good: dict[str, Arguments] = {}


def connect_to_one(
    dialect: Dialect, connect: Callable[[Arguments], DBAPIConnection], arguments: Arguments
) -> DBAPIConnection:
    """Connect to the first host that accepts; the last good one is tried first.

    #% if cookiecutter.driver == "asyncpg"
    Each host has the whole `connect_timeout`: asyncpg by itself has one limit for all of them, so
    it would not get beyond a silent first host.
    #% else
    Each host has the whole `connect_timeout`. libpq by itself would wait for a silent first host
    at every connection.
    #% endif
    Raises `OperationalError` with the messages of all hosts.
    """
    #% if cookiecutter.driver == "asyncpg"
    if not isinstance(arguments.get("host"), list):
        return connect(arguments)
    #% else
    if "," not in arguments.get("host", "") or "hostaddr" in arguments:
        return connect(arguments)
    #% endif
    failures = []
    for key, host in attempts(arguments):
        try:
            connection = connect(arguments | host)
        except dialect.loaded_dbapi.OperationalError as error:
            failures.append(f"{host['host']} {host.get('port', '')}: {str(error).strip()}")
        else:
            last_good[key] = host
            return connection
    raise dialect.loaded_dbapi.OperationalError("No host accepts: " + "; ".join(failures))


def attempts(arguments: Arguments) -> Iterator[tuple[str, Arguments]]:
    """Yield the arguments of each attempt, and the key of its list of hosts."""
    wanted = arguments.get("target_session_attrs", "any")
    for target in ["standby", "any"] if wanted == "prefer-standby" else [wanted]:
        hosts = [host | {"target_session_attrs": target} for host in split_hosts(arguments)]
        key = str(hosts)
        #% if cookiecutter.driver == "asyncpg"
        if key in last_good:
            hosts.sort(key=lambda host: host != last_good[key])
        #% else
        if arguments.get("load_balance_hosts") == "random":
            random.shuffle(hosts)
        elif key in last_good:
            hosts.sort(key=lambda host: host != last_good[key])
        #% endif
        for host in hosts:
            yield key, host


def split_hosts(arguments: Arguments) -> list[Arguments]:
    """Return the address of each host."""
    #% if cookiecutter.driver == "asyncpg"
    pairs = zip(arguments["host"], arguments["port"], strict=True)
    return [{"host": host, "port": port} for host, port in pairs]
    #% else
    hosts = arguments["host"].split(",")
    if "port" not in arguments:
        return [{"host": host} for host in hosts]
    pairs = zip(hosts, str(arguments["port"]).split(","), strict=True)
    return [{"host": host, "port": port} for host, port in pairs]
    #% endif
