"""The parameters that `DATABASE_URL` may have after `?`."""

#% if cookiecutter.driver == "aiomysql"
NUMBERS = frozenset({"connect_timeout", "client_flag"})
#% elif cookiecutter.driver == "asyncmy"
NUMBERS = frozenset({"connect_timeout", "read_timeout", "client_flag"})
#% else
NUMBERS = frozenset({"connect_timeout", "read_timeout", "write_timeout", "client_flag"})
#% endif

#% if cookiecutter.driver == "mysqldb"
CHOICES = {"ssl_mode": ["DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"]}
#% else
CHOICES: dict[str, list[str]] = {}
#% endif

PARAMETERS = NUMBERS | {
    #% if cookiecutter.driver == "mysqldb"
    "auth_plugin",
    #% endif
    #% if cookiecutter.driver == "pymysql"
    "bind_address",
    #% endif
    "charset",
    #% if cookiecutter.driver in ("pymysql", "mysqldb")
    "collation",
    #% endif
    #% if cookiecutter.driver == "mysqldb"
    "compress",
    #% endif
    "init_command",
    "local_infile",
    #% if cookiecutter.driver != "mysqldb"
    "program_name",
    #% endif
    "read_default_file",
    "read_default_group",
    #% if cookiecutter.driver == "mysqldb"
    "server_public_key_path",
    #% endif
    "sql_mode",
    "ssl_ca",
    #% if cookiecutter.driver != "aiomysql"
    "ssl_capath",
    #% endif
    "ssl_cert",
    #% if cookiecutter.driver in ("asyncmy", "pymysql")
    "ssl_check_hostname",
    #% endif
    #% if cookiecutter.driver != "aiomysql"
    "ssl_cipher",
    #% endif
    "ssl_key",
    #% if cookiecutter.driver == "mysqldb"
    "ssl_mode",
    #% endif
    "unix_socket",
}
