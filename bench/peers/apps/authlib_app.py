"""Authlib's authorization server with Flask and SQLAlchemy, put together as its documentation does.

`PEER` (JSON) says which client, which keys, which round. Run as a program it makes tables, client and people.
"""

import json
import os
import time

from authlib.common.security import generate_token
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.sqla_oauth2 import (
    OAuth2AuthorizationCodeMixin,
    OAuth2ClientMixin,
    OAuth2TokenMixin,
    create_query_client_func,
    create_query_token_func,
    create_save_token_func,
)
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode as BaseOpenIDCode
from flask import Flask, jsonify, request, session
from joserfc.jwk import import_key
from sqlalchemy import Column, Index, Integer, String, Text, create_engine
from sqlalchemy.orm import DeclarativeBase, scoped_session, sessionmaker

peer = json.loads(os.environ["PEER"])
engine = create_engine(peer["database"].replace("postgresql:", "postgresql+psycopg:", 1))
db = scoped_session(sessionmaker(engine, expire_on_commit=False))


class Base(DeclarativeBase):
    """What SQLAlchemy knows of our tables."""


class Person(Base):
    """Whose browser it is."""

    __tablename__ = "person"
    id = Column(Integer, primary_key=True)
    name = Column(String(40), unique=True)

    def get_user_id(self):
        return self.id


class Client(Base, OAuth2ClientMixin):
    """An app."""

    __tablename__ = "client"
    id = Column(Integer, primary_key=True)


class Code(Base, OAuth2AuthorizationCodeMixin):
    """An authorization code. The index serves the look-up of nonces, which Authlib leaves to us."""

    __tablename__ = "code"
    __table_args__ = (Index("code_nonce", "nonce"),)
    id = Column(Integer, primary_key=True)
    person_id = Column(Integer, nullable=False)


class Token(Base, OAuth2TokenMixin):
    """An access token and its refresh token; as text, for a JWT is longer than the mixin's 255 characters."""

    __tablename__ = "token"
    id = Column(Integer, primary_key=True)
    access_token = Column(Text, unique=True, nullable=False)
    user_id = Column(Integer)


class AuthorizationCodeGrant(grants.AuthorizationCodeGrant):
    """The code grant on our tables."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

    def save_authorization_code(self, code, request):
        asked = request.payload.data
        row = Code(
            code=code,
            client_id=request.client.client_id,
            redirect_uri=request.payload.redirect_uri,
            scope=request.scope,
            person_id=request.user.id,
            nonce=asked.get("nonce"),
            code_challenge=asked.get("code_challenge"),
            code_challenge_method=asked.get("code_challenge_method"),
        )
        db.add(row)
        db.commit()

    def query_authorization_code(self, code, client):
        row = db.query(Code).filter_by(code=code, client_id=client.client_id).first()
        return row if row and not row.is_expired() else None

    def delete_authorization_code(self, authorization_code):
        db.delete(authorization_code)
        db.commit()

    def authenticate_user(self, authorization_code):
        return db.get(Person, authorization_code.person_id)


class RefreshTokenGrant(grants.RefreshTokenGrant):
    """The refresh grant on our tables, with rotation."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        row = db.query(Token).filter_by(refresh_token=refresh_token).first()
        return row if row and not row.is_revoked() else None

    def authenticate_user(self, refresh_token):
        return db.get(Person, refresh_token.user_id)

    def revoke_old_credential(self, refresh_token):
        refresh_token.access_token_revoked_at = refresh_token.refresh_token_revoked_at = int(time.time())
        db.commit()


class ClientCredentialsGrant(grants.ClientCredentialsGrant):
    """The client credentials grant."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)


class Introspection(IntrospectionEndpoint):
    """Every client may ask about its own tokens."""

    query_token = staticmethod(create_query_token_func(db, Token))

    def check_permission(self, token, client, request):  # noqa: ARG002
        return token.client_id == client.client_id

    def introspect_token(self, token):
        return {
            "active": True,
            "client_id": token.client_id,
            "token_type": token.token_type,
            "scope": token.get_scope(),
            "sub": str(token.user_id),
            "exp": token.issued_at + token.expires_in,
            "iat": token.issued_at,
            "iss": peer["issuer"],
        }


class OpenIDCode(BaseOpenIDCode):
    """The id_token of round "defaults"."""

    key = import_key(peer["keys"]["RS256"])

    def exists_nonce(self, nonce, request):
        query = db.query(Code.id).filter_by(client_id=request.payload.client_id, nonce=nonce)
        return query.first() is not None

    def resolve_client_private_key(self, client):  # noqa: ARG002
        return self.key

    def get_client_claims(self, client):
        return {"iss": peer["issuer"], "aud": [client.client_id]}

    def generate_user_info(self, user, scope):
        return (
            UserInfo(sub=str(user.id), name=user.name) if "profile" in scope else UserInfo(sub=str(user.id))
        )


class Tokens(JWTBearerTokenGenerator):
    """The tokens of round "alike"; one scope gives opaque ones, so that there is something to introspect."""

    key = import_key(peer["keys"]["ES256"])

    def get_jwks(self):
        return self.key

    def access_token_generator(self, client, grant_type, user, scope):
        if scope == peer["opaque_scope"]:
            return generate_token(42)
        return super().access_token_generator(client, grant_type, user, scope)

    def get_audiences(self, client, user, scope):  # noqa: ARG002
        return peer["audience"]


app = Flask(__name__)
app.config["SECRET_KEY"] = peer["client_secret"]
app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
server = AuthorizationServer(app, create_query_client_func(db, Client), create_save_token_func(db, Token))
alike = peer["round"] == "alike"
if alike:
    generator = Tokens(
        peer["issuer"],
        alg="ES256",
        refresh_token_generator=lambda **_: generate_token(48),
        expires_generator=600,
    )
    server.register_token_generator("default", generator)
extensions = [CodeChallenge(required=True)]
server.register_grant(AuthorizationCodeGrant, extensions if alike else [*extensions, OpenIDCode()])
server.register_grant(RefreshTokenGrant)
server.register_grant(ClientCredentialsGrant)
server.register_endpoint(Introspection(server))


@app.teardown_appcontext
def give_connection_back(_error):
    db.remove()


@app.get("/login")
def login():
    """Sign a browser of the bench in."""
    session["person"] = db.query(Person).filter_by(name=request.args["person"]).one().id
    return "signed in"


@app.get("/authorize")
def authorize():
    """Consent is given: whoever is signed in leaves with a code."""
    person = db.get(Person, session["person"])
    grant = server.get_authorization_grant(server.create_oauth2_request(None))
    return server.create_authorization_response(grant_user=person, grant=grant)


@app.post("/token")
def token():
    return server.create_token_response()


@app.post("/introspect")
def introspect():
    return server.create_endpoint_response("introspection")


@app.get("/.well-known/oauth-authorization-server")
def metadata():
    """Authlib has a model that checks such a document; serving one is left to the app."""
    issuer = peer["issuer"]
    return jsonify(
        issuer=issuer,
        authorization_endpoint=f"{issuer}/authorize",
        token_endpoint=f"{issuer}/token",
        introspection_endpoint=f"{issuer}/introspect",
        response_types_supported=["code"],
        grant_types_supported=["authorization_code", "refresh_token", "client_credentials"],
        token_endpoint_auth_methods_supported=["client_secret_basic"],
        code_challenge_methods_supported=["S256"],
        scopes_supported=[peer["scope"], "openid", "profile"],
    )


def seed():
    """Make tables, the client and the people."""
    Base.metadata.create_all(engine)
    client = Client(client_id=peer["client_id"], client_secret=peer["client_secret"])
    client.set_client_metadata(
        {
            "redirect_uris": [peer["redirect_uri"]],
            "scope": f"{peer['scope']} {peer['opaque_scope']} openid profile",
            "response_types": ["code"],
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "token_endpoint_auth_method": "client_secret_basic",
        }
    )
    db.add_all([client, *(Person(name=f"person-{number}") for number in range(peer["people"]))])
    db.commit()


if __name__ == "__main__":
    seed()
