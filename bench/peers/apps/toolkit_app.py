"""Django OAuth Toolkit in a small project: DEBUG off, persistent connections, sessions in the database.

`PEER` (JSON) says which clients, which key, which round. Run as a program it makes tables and rows.
"""

import json
import os
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import include, path
from joserfc.jwk import RSAKey

peer = json.loads(os.environ["PEER"])
alike = peer["round"] == "alike"
database = urlsplit(peer["database"])
openid = {
    "OIDC_ENABLED": True,
    "OIDC_ISS_ENDPOINT": peer["issuer"],
    "OIDC_RSA_PRIVATE_KEY": RSAKey.import_key(peer["keys"]["RS256"]).as_pem(private=True).decode(),
    "SCOPES": {"openid": "Who you are", "profile": "Your name", peer["scope"]: "See your photos"},
}

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.ModelBackend"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": database.hostname,
            "PORT": database.port,
            "USER": database.username,
            "NAME": database.path.removeprefix("/"),
            "CONN_MAX_AGE": None,
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.middleware.common.CommonMiddleware",  # for the Content-Length
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    OAUTH2_PROVIDER={"SCOPES": {peer["scope"]: "See your photos"}} if alike else openid,
    ROOT_URLCONF=__name__,
    SECRET_KEY=peer["client_secret"],
    USE_I18N=False,
)
django.setup()


def login(request):
    """Sign a browser of the bench in."""
    from django.contrib.auth import login as sign_in
    from django.contrib.auth.models import User

    sign_in(request, User.objects.get(username=request.GET["person"]))
    return HttpResponse("signed in")


urlpatterns = [path("login", login), path("", include("oauth2_provider.urls"))]
app = get_wsgi_application()


def seed():
    """Make tables, the clients and the people. Each client has one grant type here, so there are two."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    common = {"client_type": Application.CLIENT_CONFIDENTIAL, "hash_client_secret": False}
    Application.objects.create(
        name="printer",
        client_id=peer["client_id"],
        client_secret=peer["client_secret"],
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris=peer["redirect_uri"],
        skip_authorization=True,
        algorithm=Application.NO_ALGORITHM if alike else Application.RS256_ALGORITHM,
        **common,
    )
    Application.objects.create(
        name="robot",
        client_id=peer["machine_id"],
        client_secret=peer["machine_secret"],
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
        **common,
    )
    User.objects.bulk_create(
        User(username=f"person-{number}", password="!") for number in range(peer["people"])
    )


if __name__ == "__main__":
    seed()
