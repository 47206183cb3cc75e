"""`make lab`: break things on purpose, count what was lost, and write docs/reliability.md from the counts."""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from lab.experiment import SIZES, Lab
from lab.experiments import EXPERIMENTS
from lab.page import Record, keep, record_of, table

ROOT = Path(__file__).parents[1]
OUT = Path(__file__).parent / "out"


def main() -> int:
    """Run what was chosen; 1 when a figure does not hold."""
    chosen = _arguments()
    out: Path = chosen.out.absolute()
    os.umask(0o022)  # PostgreSQL runs as another user and must get to its folder
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started or mounted is taken down
    records = []
    for name in chosen.experiments or EXPERIMENTS:
        records.append(_run(name, chosen.size, chosen.seed, out))
        if chosen.size != "short":  # a rehearsal
            keep(records[-1:], ROOT / "docs")
    print(table(records))
    return 0 if all(record.holds for record in records) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m lab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "experiments", nargs="*", metavar="ID", type=_known, help=f"all, or some of: {', '.join(EXPERIMENTS)}"
    )
    size = parser.add_mutually_exclusive_group()
    for name in SIZES:
        words = {
            "short": "as in the tests",
            "middle": "the default",
            "full": "the numbers of the threat model",
        }
        size.add_argument(f"--{name}", dest="size", action="store_const", const=name, help=words[name])
    parser.add_argument("--seed", type=int, default=1, help="of everything that is left to chance")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of raw ledgers")
    parser.set_defaults(size="middle")
    return parser.parse_args()


def _known(name: str) -> str:
    found = [known for known in EXPERIMENTS if known.lower() == name.lower()]
    if not found:
        raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(EXPERIMENTS)}")
    return found[0]


def _run(name: str, size: str, seed: int, out: Path) -> Record:
    """One experiment, in a folder of its own; its ledgers stay there, the rest goes when all is well."""
    print(f"{name}: {EXPERIMENTS[name].title} ({size})", file=sys.stderr, flush=True)
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lab = Lab(size=size, seed=seed, folder=folder)  # type: ignore[arg-type]  # one of SIZES, says argparse
    began = time.monotonic()
    reports = asyncio.run(EXPERIMENTS[name].load()(lab))
    record = record_of(name, lab, reports, seconds=time.monotonic() - began)
    if record.holds:
        _tidy(folder)
    return record


def _tidy(folder: Path) -> None:
    for left in folder.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        elif left.suffix != ".jsonl":
            left.unlink()


if __name__ == "__main__":
    sys.exit(main())
