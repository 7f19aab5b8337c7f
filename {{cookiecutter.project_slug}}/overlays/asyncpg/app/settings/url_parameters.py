"""The parameters that `DATABASE_URL` may have after `?`."""

# asyncpg accepts these only in a DSN, under libpq's names.
DSN_PARAMETERS = frozenset(
    {"application_name", "options"}
    | {"sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslnegotiation"}
    | {"ssl_min_protocol_version", "ssl_max_protocol_version"}
)

NUMBERS = frozenset({"connect_timeout", "statement_cache_size", "prepared_statement_cache_size"})

CHOICES = {
    "sslmode": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
    "sslnegotiation": ["postgres", "direct"],
    "target_session_attrs": [
        "any",
        "primary",
        "standby",
        "read-write",
        "read-only",
        "prefer-standby",
    ],
}

PARAMETERS = (
    DSN_PARAMETERS
    | NUMBERS
    | {"host", "port", "target_session_attrs", "passfile", "service", "krbsrvname", "gsslib"}
)
