"""Why a database cannot be used as it is. The message is one line that says what to do next."""


class StorageProblem(Exception):
    """The server must not start on this database, or cannot reach it in this way."""


class SchemaProblem(StorageProblem):
    """The tables are not those this program needs."""
