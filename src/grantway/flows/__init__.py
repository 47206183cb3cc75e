"""What can be asked of the server, one file per thing: load, let the protocol decide, commit, reply.

A flow reads top to bottom and knows neither HTTP nor SQL. The browser, the command line and the
control interfaces are doors into the same flows, so a rule holds whichever door one uses.
"""
