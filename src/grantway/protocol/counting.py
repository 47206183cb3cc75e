"""Numbers of things in words, for people."""


def counted(number: int, noun: str) -> str:
    """`1 app`, `2 apps`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
