"""The parameters that `DATABASE_URL` may have after `?`."""

NUMBERS = frozenset(
    {"connect_timeout", "tcp_user_timeout", "keepalives"}
    | {"keepalives_idle", "keepalives_interval", "keepalives_count"}
)

CHOICES = {
    "channel_binding": ["disable", "prefer", "require"],
    "gssencmode": ["disable", "prefer", "require"],
    "load_balance_hosts": ["disable", "random"],
    "sslcertmode": ["disable", "allow", "require"],
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

# Those of libpq's parameters that affect how it connects.
PARAMETERS = NUMBERS | {
    "application_name",
    "channel_binding",
    "client_encoding",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "krbsrvname",
    "load_balance_hosts",
    "options",
    "passfile",
    "port",
    "require_auth",
    "requirepeer",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
}
