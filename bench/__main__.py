"""`make bench`: real servers on loopback, peers beside them, one load generator, figures to be repeated.

make bench                          everything: about an hour on two cores
make bench ARGS="alike budget"      some sections
make bench ARGS="--quick alike"     short and rough, to see that it works
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import decisions, latency, page, sdk, sections
from bench.peers import install
from bench.profile import profile
from bench.sections import Options, Section, say

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Grantway and its peers.")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="; ".join(_sections(ROOT)))
    parser.add_argument("--runs", type=int, default=3, help="of each; medians are told")
    parser.add_argument("--seconds", type=float, default=2.0, help="measured in each run")
    parser.add_argument("--grants", type=int, default=1_000_000, help="in the big database")
    parser.add_argument("--quick", action="store_true", help="one short run of each, a small big database")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/performance")
    chosen = parser.parse_args()
    known = _sections(chosen.out)
    if unknown := [name for name in chosen.sections if name not in known]:
        sys.exit(f"bench: no section {', '.join(unknown)}. There are: {', '.join(known)}")
    options = Options(runs=chosen.runs, seconds=chosen.seconds, grants=chosen.grants)
    if chosen.quick:
        options = Options(runs=1, seconds=0.5, grants=20_000)
    chosen.out.mkdir(parents=True, exist_ok=True)
    names = chosen.sections or list(known)
    if {"alike", "defaults", "pinned"} & set(names):
        install()
    for name in names:
        say(f"== {name}")
        page.write([known[name](options)], chosen.out)
    print(f"written: {chosen.out / 'README.md'}")


def _sections(out: Path) -> dict[str, Callable[[Options], Section]]:
    return {
        **latency.SECTIONS,
        **sections.SECTIONS,
        **decisions.SECTIONS,
        **sdk.SECTIONS,
        "profile": partial(profile, into=out),
    }


if __name__ == "__main__":
    main()
