"""What Photo Printer says when something was refused: codes of the RFCs in words for people."""

import re

import httpx2

from grantway.samples.printer_memory import Notice

_PARAMETER = re.compile(r'([A-Za-z_]+)="([^"]*)"')

# Answers of the authorization endpoint (RFC 6749 §4.1.2.1, RFC 9207) and of the token endpoint (§5.2).
_EXPLAINED = {
    "access_denied": (
        "You did not allow it",
        "Nothing was shared. Photo Printer cannot show your photos without your permission.",
    ),
    "unknown_state": (
        "This answer was not expected",
        "No login of this browser waits for it, or it came too late. Nothing was done with it.",
    ),
    "wrong_issuer": (
        "The answer came from another server",
        "Photo Printer asked one server and another one seems to have answered. Nothing was done with it.",
    ),
    "unreachable": ("The server does not answer", "Is it running? Please try again."),
    "login_required": ("You need to sign in", "Please try again."),
    "invalid_scope": ("Photo Printer asked for something that does not exist", "Its owner has to mend this."),
    "unauthorized_client": ("Photo Printer may not ask like this", "Its owner has to mend this."),
    "invalid_request": ("Photo Printer sent an incomplete request", "Its owner has to mend this."),
    "invalid_client": (
        "The server does not know Photo Printer",
        "Its client id or its secret is wrong. Its owner has to mend this.",
    ),
    "invalid_grant": (
        "The permission is over",
        "It was used up, it ran out or it was taken back. Connect your photos again.",
    ),
    "server_error": ("The server had a problem", "Please try again."),
    "temporarily_unavailable": ("The server is busy", "Please try again in a moment."),
}


def explain(code: str, said: str | None = None) -> Notice:
    """An error code in words; `said` is the server's own sentence, quoted as such."""
    title, text = _EXPLAINED.get(code, ("The server refused", f"It gave the reason {code}."))
    return Notice(title=title, text=f"{text} The server said: {said}" if said else text, error=code)


def explain_refusal(reply: httpx2.Response, what: str) -> Notice:
    """Why the photos API refused, from its challenge (RFC 6750 §3)."""
    challenge = dict(_PARAMETER.findall(reply.headers.get("www-authenticate", "")))
    error = challenge.get("error", f"http_{reply.status_code}")
    needed = tuple(challenge.get("scope", "").split())
    texts = {
        "insufficient_scope": "You did not give Photo Printer that permission.",
        "invalid_token": "The access token is no longer good. Refresh it, or connect your photos again.",
        "http_404": "It is not there, or no longer.",
        "http_503": "The photos API cannot check tokens at the moment. Please try again.",
    }
    text = texts.get(error, f"The photos API answered {reply.status_code}.")
    if "error_description" in challenge:
        text += f" The photos API said: {challenge['error_description']}."
    missing = needed if error == "insufficient_scope" else ()
    return Notice(title=f"{what} was refused", text=text, error=error, missing=missing)
