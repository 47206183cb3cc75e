#!/usr/bin/env python3
"""Take the guards out of the code, one at a time, and see that a test notices each.

`tests/mutations.toml` lists them. Every mutation is applied to a copy of the tree, where its test must
then fail. A test that still passes guards nothing; a mutation whose text is gone must be written anew.
Arguments choose mutations by threat: `mutate.py E1 J2`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tests" / "mutations.toml"
COPIED = ("src", "tests", "lab", "pyproject.toml", "scripts")
NOT_COPIED = shutil.ignore_patterns("__pycache__", "node_modules", "out")
PATIENCE = 180  # seconds; a mutation that makes its test hang is noticed as well
PYTEST = ("-m", "pytest", "--quiet", "--exitfirst", "-p", "no:cacheprovider")
PASSED, FAILED = 0, 1  # pytest's exit codes


@dataclass(frozen=True)
class Mutation:
    """One guard, and what the code looks like without it."""

    threat: str
    guard: str
    file: str
    old: str
    new: str
    test: str

    def problem(self, tree: Path) -> str | None:
        """Why it cannot be applied; None if it can."""
        path = tree / self.file
        count = path.read_text("utf-8").count(self.old) if path.exists() else 0
        return None if count == 1 else f"its text stands {count} times in {self.file}"


def main() -> None:
    """Run them all, print a line for each, and exit with 1 unless every one was noticed."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("threats", nargs="*", metavar="THREAT", help="only the mutations of these threats")
    threats = parser.parse_args().threats
    if unknown := set(threats) - {one.threat for one in read_list()}:
        parser.error(f"no mutation is of {', '.join(sorted(unknown))}")
    chosen = [one for one in read_list() if not threats or one.threat in threats]
    with tempfile.TemporaryDirectory(prefix="grantway-mutate-") as folder:
        tree = copy_tree(Path(folder))
        if (code := run_tests(tree, sorted({one.test for one in chosen}), may_fail=False)) != PASSED:
            sys.exit(f"mutate: the tests do not pass as they are (pytest answered {code})")
        bad = [one for one in chosen if not is_noticed(one, tree)]
    print(f"{len(chosen) - len(bad)} of {len(chosen)} noticed")
    sys.exit(1 if bad or not chosen else 0)


def read_list() -> list[Mutation]:
    """The mutations, in the order of the file."""
    return [Mutation(**each) for each in tomllib.loads(LIST.read_text("utf-8"))["mutation"]]


def copy_tree(folder: Path) -> Path:
    """A copy of everything that the tests need."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=NOT_COPIED)
        else:
            shutil.copy2(source, folder / name)
    return folder


def is_noticed(mutation: Mutation, tree: Path) -> bool:
    """Apply it, run its test, undo it, and tell."""
    started = time.monotonic()
    if problem := mutation.problem(tree):
        return told(mutation, f"DOES NOT APPLY: {problem}", started, noticed=False)
    path = tree / mutation.file
    whole = path.read_text("utf-8")
    path.write_text(whole.replace(mutation.old, mutation.new), "utf-8")
    try:
        code = run_tests(tree, [mutation.test])
    finally:
        path.write_text(whole, "utf-8")
    if code == PASSED:
        return told(mutation, "SURVIVED", started, noticed=False)
    if code not in {FAILED, None}:
        return told(mutation, f"BROKEN: pytest answered {code}", started, noticed=False)
    return told(mutation, "noticed", started, noticed=True)


def run_tests(tree: Path, tests: list[str], *, may_fail: bool = True) -> int | None:
    """Pytest's exit code for these tests in this tree; None when it did not end in time.

    What it said is printed where it should have passed.
    """
    # The copy stands before the installed package on the path, and leaves no compiled files behind
    # that could outlive a change within the same second.
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *PYTEST, *tests]
    try:
        done = subprocess.run(
            command,
            cwd=tree,
            env=environment,
            check=False,
            capture_output=True,
            timeout=PATIENCE * len(tests),
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode not in {PASSED, FAILED} or (done.returncode == FAILED and not may_fail):
        print(done.stdout.decode(errors="replace")[-2000:], done.stderr.decode(errors="replace")[-2000:])
    return done.returncode


def told(mutation: Mutation, outcome: str, started: float, *, noticed: bool) -> bool:
    """Print the line of a mutation."""
    seconds = time.monotonic() - started
    print(f"{mutation.threat:4} {seconds:5.1f} s  {outcome:10} {mutation.guard}", flush=True)
    return noticed


if __name__ == "__main__":
    main()
