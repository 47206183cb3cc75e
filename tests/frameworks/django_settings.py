"""Django's settings, once for the process; imported before anything of Django REST framework."""

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="",
    MIDDLEWARE=[],
    INSTALLED_APPS=[],
    USE_TZ=True,
    SECRET_KEY="only-for-tests",
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()
