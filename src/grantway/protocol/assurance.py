"""How sure a sign-in makes us who somebody is: `acr`, from the methods in `amr` (RFC 8176)."""

ONE_FACTOR = "urn:grantway:acr:1"  # the person has proven one thing, such as a password
ACR_VALUES = (ONE_FACTOR,)


def acr_of(amr: tuple[str, ...]) -> str | None:
    """The `acr` of a sign-in by these methods; None when they are not known."""
    return ONE_FACTOR if amr else None
