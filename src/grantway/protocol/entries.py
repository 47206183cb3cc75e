"""One entry of the catalogue of diagnoses."""

from dataclasses import dataclass

from grantway.protocol.diagnosis import Gw
from grantway.protocol.names import ErrorCode


@dataclass(frozen=True, slots=True)
class Entry:
    """What a diagnosis means in general. `errors` are the codes it is told by; none: it is told in words."""

    gw: Gw
    title: str  # what happened
    cause: str  # why it happens
    fix: str  # what to do, for the developer and for the operator
    spec: str
    errors: tuple[ErrorCode, ...] = ()
