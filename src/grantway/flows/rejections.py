"""Why something that an operator or a person wants done is not done: the same through every door."""


class Rejected(Exception):
    """What was asked for breaks a rule; the message says which, one reason a line."""


class NotFound(Exception):
    """There is no such thing; the message names the nearest ones."""
