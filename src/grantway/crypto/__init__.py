"""The room of keys: everything that makes, hides, hashes, seals or signs.

- `secrets` typed bearer secrets (codes, tokens, cookies): made, checked and hashed
- `given_secrets` client secrets that people bring from another server
- `passwords` people's passwords: the rule for new ones and the slow hash in its own threads;
  `imported_hashes` password hashes that other servers made
- `envelope` the master key, and signing keys at rest under it
- `seal` what travels through a browser and must come back unread and unchanged
- `successor` the refresh token that only the holder of its predecessor can read
- `certificates`, `certificate_header` client certificates: read, and their thumbprints
- `foreign` JWTs and keys that somebody else made
- `jose`, `jwk` signatures, tokens and public keys

Nothing here knows HTTP, a database or the clock; times are arguments, in Unix seconds. Randomness
comes from the operating system alone. This file imports nothing: the SDK wants `jose` and no more.
"""
