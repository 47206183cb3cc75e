"""The protocol: pure decisions about values.

Nothing in this room does I/O, reads a clock, makes randomness, awaits, or knows HTTP:
time, random values and verified signatures arrive as arguments, and decisions leave as
frozen values or as an `OAuthError`. Next door: `grantway.flows` loads the facts these
functions judge and commits what they decide.

Times are Unix times in seconds (float); durations are seconds.
"""
