"""The one way out: every call that the server makes to an address somebody else chose goes through here.

Whoever may register an address could otherwise make the server talk to its own network (threats L1, L2). So:
https alone, no redirects, no proxy from the environment, the name resolved once, every answer a global
unicast address, that very address dialled under the original name, and limits for time, size and each host.
"""

from grantway.egress.guard import Answer, Egress, Unreachable

__all__ = ["Answer", "Egress", "Unreachable"]
