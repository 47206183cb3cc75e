"""Doors for browsers and machines: translates HTTP into flows, and what flows answer into HTTP.

`routes.py` lists every address of the server. Nothing is decided here about OAuth; what is decided
here is about HTTP: hosts, cookies, headers, sizes, status codes.
"""
