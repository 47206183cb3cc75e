"""The rooms keep their size and their direction, and what is committed works on any machine."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "grantway"
MODULES = sorted(SOURCE.rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = PROJECT["tool"]["importlinter"]["contracts"]
ELSEWHERE = {
    "a package registry": re.compile(
        rb"\b(pypi|pythonhosted|npmjs|crates|yarnpkg|golang|maven)\.(org|com|io)\b"
    ),
    "a Debian mirror": re.compile(rb"\b(deb|security|ftp|snapshot)\.debian\.org\b"),
    "a path of one machine": re.compile(rb"(?<![\w.~}\])-])/(work|root|tmp)/\w"),
}


def names(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("module", MODULES, ids=names(MODULES))
def test_a_module_fits_in_one_sitting_and_says_what_lives_in_it(module):
    text = module.read_text()
    assert text.count("\n") <= 400, "split it: no module has more than 400 lines"
    if module.name != "__init__.py" or text.strip():
        assert ast.get_docstring(ast.parse(text)), "the first line says what lives here"


def test_the_rooms_face_one_way():
    """The contracts of pyproject.toml, as in `make check`."""
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_a_planned_room_joins_the_contracts_when_it_is_built():
    """A layer in parentheses may be missing; one that is there must not be allowed to be."""
    planned = re.findall(r"\((\w+)\)", " ".join(CONTRACTS[0]["layers"]))
    assert [room for room in planned if (SOURCE / room).exists()] == [], (
        "drop its parentheses, name it where said"
    )


def committed_files():
    """What git holds, or would hold after `git add`."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.parametrize("what", ELSEWHERE)
def test_nothing_committed_names(what):
    """A clone must work with any mirror, in any folder."""
    found = [
        f"{path.relative_to(ROOT)}: {match.group().decode()}"
        for path in committed_files()
        if (match := ELSEWHERE[what].search(path.read_bytes()))
    ]
    assert found == []


def requirement_names(*lists):
    return {canonical(re.match(r"[\w.-]+", line).group()) for requirements in lists for line in requirements}


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(file):
    entries = re.split(r"\n(?=\S)", (ROOT / file).read_text())
    return {canonical(entry.split("==")[0]): entry for entry in entries}


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        (
            "constraints.txt",
            requirement_names(
                PROJECT["project"]["dependencies"],
                *PROJECT["project"]["optional-dependencies"].values(),
                PROJECT["dependency-groups"]["build"],
            ),
        ),
        (
            "constraints-dev.txt",
            requirement_names(PROJECT["dependency-groups"]["dev"]) | set(pinned("constraints.txt")),
        ),
    ],
    ids=["runtime", "dev"],
)
def test_every_dependency_is_pinned_and_hashed(file, wanted):
    """`make lock` puts this right."""
    pins = pinned(file)
    assert wanted - set(pins) == set()
    assert [name for name, entry in pins.items() if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_both_constraint_files_agree():
    runtime, dev = pinned("constraints.txt"), pinned("constraints-dev.txt")
    assert {name: entry.split()[0] for name, entry in runtime.items()}.items() <= {
        name: entry.split()[0] for name, entry in dev.items()
    }.items()
