"""Is the page in front of us accessible? For every test that has a browser."""

from functools import cache
from pathlib import Path

AXE = Path(__file__).parents[1] / "npm/node_modules/axe-core/axe.min.js"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")

_RUN = """async (tags) => {
  await Promise.allSettled(document.getAnimations().map((one) => one.finished));  // colours on their way
  const {violations} = await axe.run({runOnly: {type: "tag", values: tags}});
  const told = ({id, help, nodes}) => [`${id}: ${help}`, ...nodes.map(({html}) => html)].join("\\n    ");
  return violations.map(told);
}"""
_SIDEWAYS = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const all = [...document.querySelectorAll("body *")];
  const wide = all.filter((one) => one.getBoundingClientRect().right > width + 1);
  return ["page scrolls sideways: " + wide.map((one) => one.outerHTML.slice(0, 90)).join("\\n    ")];
}"""


@cache
def _axe() -> str:
    return AXE.read_text(encoding="utf-8")


async def assert_accessible(page) -> None:
    """As shown now: WCAG 2.2 A and AA and axe's best practices are kept, nothing scrolls sideways."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(_axe())
    problems = await page.evaluate(_RUN, list(RULES)) + await page.evaluate(_SIDEWAYS)
    assert not problems, f"{page.url} at {page.viewport_size}:\n" + "\n".join(problems)
