"""How many questions Schemathesis asks: a few each time, or ten thousand (`openapi-deep`)."""

from hypothesis import HealthCheck, settings

ALWAYS = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
settings.register_profile("openapi", max_examples=6, derandomize=True, **ALWAYS)
settings.register_profile("openapi-deep", max_examples=130, **ALWAYS)
