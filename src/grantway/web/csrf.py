"""May this form have been sent by one of our own pages? (threat W5).

| Sec-Fetch-Site          | Origin        | then                       |
|-------------------------|---------------|----------------------------|
| same-origin, none       | any           | the page's own seal decides |
| any other               | any           | refused                    |
| absent                  | ours          | the page's own seal decides |
| absent                  | any other     | refused                    |
| absent                  | absent        | the page's own seal decides |

Every form carries a seal that only the browser it was made for can use, so passing here is never enough.
"""

from grantway.web.requests import Request

_OURS = {"same-origin", "none"}


def comes_from_elsewhere(request: Request, *, scheme: str) -> str | None:
    """Why this POST was not sent by a page of ours, for the operator; None when it may have been."""
    sites = request.every(b"sec-fetch-site")
    if sites:
        return None if len(sites) == 1 and sites[0] in _OURS else f"Sec-Fetch-Site: {', '.join(sites)}"
    origins = request.every(b"origin")
    own = f"{scheme}://{request.header(b'host') or ''}"
    return None if not origins or origins == (own,) else f"Origin: {', '.join(origins)}"
