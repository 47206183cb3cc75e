"""`python -m grantway` is the command line."""

from grantway.cli.main import main

if __name__ == "__main__":
    main()
