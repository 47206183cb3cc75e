"""Grantway: an OAuth 2.0 / 2.1 authorization server with OpenID Connect."""

__version__ = "0.1.0"
