"""Property tests here encrypt and hash, on machines as busy as they come: no example has a deadline."""

from hypothesis import settings

settings.register_profile("crypto", deadline=None)
settings.load_profile("crypto")
