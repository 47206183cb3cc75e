"""`grantway`, and `python -m grantway`: the command line, where what it needs is installed."""

import sys


def main() -> None:
    """Run the command line, or say how to get it: an API installs the SDK alone (decision 0024)."""
    try:
        from grantway.cli.main import main as run
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("grantway"):
            raise
        sys.exit(f"grantway: the server needs {missing.name}\nNext: pip install 'grantway[server]'")
    run()


if __name__ == "__main__":
    main()
