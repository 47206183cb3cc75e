"""The command line: parses, calls the flows that every other door calls, prints.

Data goes to stdout, everything else to stderr. Heavy imports stand inside the commands that need them.
"""
