"""What the pages of docs/reference have in common: each is made from the code by a script of its own.

`python -m scripts.made_pages` remakes them all (`make pages`).
"""

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
SCRIPTS = ("settings_page", "cli_page", "endpoints_page", "errors_page", "openapi_page")


def cell(text: str) -> str:
    """Text in a cell of a table: one line, no bar, no link where two brackets meet."""
    one_line = " ".join(text.split())
    return one_line.replace("|", "\\|").replace("[[", "\\[\\[").replace("]]", "\\]\\]")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are `cell`s already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def pages() -> Iterator[tuple[Path, str]]:
    """Each page, and what it should say."""
    for name in SCRIPTS:
        script = import_module(f"scripts.{name}")
        yield script.PAGE, script.page()


def main() -> None:
    for path, text in pages():
        path.write_text(text, "utf-8")
        print(f"{path.relative_to(FOLDER.parent)}: made")


if __name__ == "__main__":
    main()
