"""docs/reference/errors.md, made from the catalogue of diagnoses."""

from grantway.protocol.catalogue import ABSENT, CATALOGUE, CODE_PAGES
from grantway.protocol.entries import Entry
from scripts.made_pages import FOLDER, cell, table

PAGE = FOLDER / "errors.md"
_HEAD = """# Errors

Made by `make pages` from the catalogue of diagnoses; do not edit. The server has a \
page for each at `/errors/GW-…`, where `error_uri` points. [Why was my request \
refused?](../howto/why-was-my-request-refused.md) says how to read them.

Every refusal carries a reference, such as `7F3A-91`: on the page, in `error_uri`, and in the header \
`Grantway-Flow`. `grantway logs show 7F3A-91` tells the people who run the server what was received, \
what was expected, and what differed.
"""
_ALIKE = """## Answers that are the same for every cause

A stranger must not learn from an answer which codes, tokens or apps exist. These error codes are \
told in the same words whatever the cause, and their `error_uri` names the code instead of the \
diagnosis.

"""
_ABSENT = "## Not there yet\n\n"


def page() -> str:
    """The whole page."""
    alike = [(f"`{one.code}`", one.title, ", ".join(map(_link, one.causes))) for one in CODE_PAGES.values()]
    absent = [(one.id, cell(one.what), cell(one.why)) for one in ABSENT]
    return "\n".join(
        [
            _HEAD,
            _ALIKE + table(("error", "what it means", "what may be behind it"), alike),
            *map(_section, CATALOGUE.values()),
            _ABSENT + table(("id", "what", "why not"), absent),
        ]
    )


def _section(entry: Entry) -> str:
    told = ", ".join(f"`{error}`" for error in entry.errors) or "words of its own"
    facts = f"Told as {told}. Rule: {entry.spec}."
    return f"## {entry.gw}\n\n**{entry.title}.** {entry.cause}\n\n{entry.fix}\n\n{facts}\n"


def _link(entry: Entry) -> str:
    return f"[{entry.gw}](#{entry.gw.lower()})"
