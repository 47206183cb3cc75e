"""A route that a framework has matched, as the rules can be asked about it: judged, not read again."""

import logging
import re
from collections.abc import Callable, Iterable

from grantway.protocol.apis import Api, ApiMistakes
from grantway.protocol.paths import covers, segments_of, template_shape

__all__ = ["BRACES", "check_routes", "route_template"]

_log = logging.getLogger("grantway.sdk")
BRACES = re.compile(r"\{(?P<name>[^{}:/]*)(?::(?P<converter>[^{}/]*))?\}")
"""A variable as Starlette and FastAPI write it, and the rules: `{name}` or `{name:converter}`."""


def route_template(
    route: str,
    variable: re.Pattern[str] = BRACES,
    *,
    within_a_segment: Callable[[str | None], bool],
) -> str | None:
    """A framework's route as a template of ours, `/photos/{id}`, which the rules are asked about as a path.

    A rule for `/photos/{id}` answers for it, one for `/photos/new` does not: no literal part of a rule holds
    braces. `variable` finds a variable, its groups the `name` and what the framework takes for it
    (`converter`, None: the usual); `within_a_segment` says whether that can hold no slash. None for a route
    with one that can: no rule speaks of it.
    """
    if not all(within_a_segment(found["converter"]) for found in variable.finditer(route)):
        return None
    return variable.sub(lambda found: f"{{{found['name']}}}", route)


def check_routes(api: Api, templates: Iterable[str]) -> None:
    """Are all rules asked that an application could ask? Raises ApiMistakes for those a wider route hides.

    A rule for `/photos/new` in an application whose only route is `/photos/{id}` is never asked: the route
    is judged by the rule for `/photos/{id}`, which may need less. What has no rule at all is refused anyway;
    where that is because the routes begin with the API's base path and the rules do not, the log says so.
    """
    known = {template_shape(one): one for one in templates}
    hidden = [
        f"api {api.name!r}: rule {rule} is never asked, the application has only the wider route {wider}"
        for rule in api.rules
        if template_shape(rule.path) not in known
        for wider in known.values()
        if covers(wider, segments_of(rule.path))
    ]
    if hidden:
        raise ApiMistakes(hidden)
    for base in sorted({base for _, base in api.bases if base}):
        missed = sorted(
            {
                known[shape]
                for rule in api.rules
                if template_shape(rule.path) not in known
                and (shape := template_shape(base + rule.path)) in known
            }
        )
        if missed:
            words = "api %r: the rules leave out %s, the routes do not, so none speaks of %s: give below=%r"
            _log.warning(words, api.name, base, ", ".join(missed), base)
