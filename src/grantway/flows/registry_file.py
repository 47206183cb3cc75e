"""The registry as a file: `[[apis]]`, `[[apps]]`, `[[people]]`, in grantway.toml or in a file of their own.

For example:

    [[apis]]                              # see protocol.api_tables
    name = "photos"
    audience = "https://api.example/photos"

    [[apps]]
    id = "photo_printer"
    name = "Photo Printer"
    type = "web"                          # spa, native, machine, resource_server
    redirect_uris = ["https://printer.example/cb"]
    scopes = ["photos:read"]
    optional_scopes = ["photos:delete"]
    secret_file = "printer.secret"        # or secret, secret_env, or several tables [[apps.secrets]]
                                          # with auth_method = "private_key_jwt": jwks_file or jwks_uri
                                          # with "tls_client_auth": certificate_name = "san_dns=app.example"

    [[people]]                            # made when they are missing; passwords are never changed again
    username = "ada"
    name = "Ada Lovelace"
    password_file = "ada.password"        # or password_env, password_hash; plain password with dev only
    email = "ada@id.example"              # and given_name, birthdate, address.locality: see protocol.people
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from grantway.crypto.given_secrets import given_secret_problem
from grantway.crypto.imported_hashes import check_of
from grantway.crypto.passwords import password_problem
from grantway.flows.people import PersonDraft
from grantway.flows.registry import ClientDraft
from grantway.flows.registry_keys import read_key_file
from grantway.flows.registry_tables import RegistryTable
from grantway.flows.rejections import Rejected
from grantway.protocol.api_tables import read_apis
from grantway.protocol.apis import Api, ApiMistakes
from grantway.protocol.clients import (
    DEFAULT_ID_TOKEN_ALG,
    CertificateName,
    ClientType,
    RefreshPolicy,
    label_problem,
)
from grantway.protocol.names import GrantType, SubjectType
from grantway.protocol.people import Address, Profile
from grantway.protocol.profiles import ADDRESS_TEXTS, TEXTS
from grantway.protocol.registration import default_auth_method
from grantway.protocol.scope import Scope
from grantway.protocol.toml_mistakes import read_toml, toml_mistake

TABLES = ("apis", "apps", "people")


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSecret:
    """A client secret that the file gives."""

    text: str = field(repr=False)
    label: str = ""
    expires_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedClient:
    """A client as the file describes it."""

    id: str
    draft: ClientDraft
    enabled: bool
    secrets: tuple[WantedSecret, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Everything the file asks for."""

    apis: tuple[Api, ...] = ()
    clients: tuple[WantedClient, ...] = ()
    people: tuple[PersonDraft, ...] = ()
    file: Path | None = None  # where it stands, for messages


def read_registry_file(path: Path, *, env: Mapping[str, str], dev: bool) -> Wanted:
    """What the file asks for. Raises Rejected with every mistake, each with its place.

    Secrets and passwords in other files are found relative to this one. Settings may stand in the file too.
    """
    try:
        document = read_toml(path.read_text("utf-8"))
    except (OSError, ValueError) as bad:
        raise Rejected(f"{path}: cannot be read: {toml_mistake(bad)}") from None
    try:
        wanted = read_registry(document, folder=path.parent, env=env, dev=dev)
    except Rejected as wrong:
        raise Rejected("\n".join(f"{path}: {one}" for one in str(wrong).split("\n"))) from None
    return replace(wanted, file=path)


def read_registry(
    document: Mapping[str, object], *, folder: Path, env: Mapping[str, str], dev: bool
) -> Wanted:
    """As `read_registry_file`, from a document that is read already."""
    mistakes: list[str] = []
    mistakes += [
        f"{name}: is no list of tables that is known; there are {', '.join(TABLES)}"
        for name, value in document.items()
        if name not in TABLES and isinstance(value, list) and value and isinstance(value[0], dict)
    ]
    apis: tuple[Api, ...] = ()
    try:
        apis = read_apis(document.get("apis", []))
    except ApiMistakes as wrong:
        mistakes += wrong.mistakes
    apps = [_read_client(one, folder, env) for one in _tables(document, "apps", mistakes)]
    people = [_read_person(one, folder, env, dev=dev) for one in _tables(document, "people", mistakes)]
    mistakes += _twice("apps: id", [one.id for one in apps if one.id])
    mistakes += _twice("people: username", [one.username for one in people if one.username])
    if mistakes:
        raise Rejected("\n".join(mistakes))
    return Wanted(apis=apis, clients=tuple(apps), people=tuple(people))


def _tables(document: Mapping[str, object], name: str, mistakes: list[str]) -> list[RegistryTable]:
    found = document.get(name, [])
    if not isinstance(found, list):
        mistakes.append(f"{name}: must be a list of tables ([[{name}]])")
        return []
    return [RegistryTable(one, f"{name}[{at}]", mistakes) for at, one in enumerate(found)]


def _twice(what: str, given: list[str]) -> list[str]:
    return [f"{what} {one!r} is used twice" for one in dict.fromkeys(given) if given.count(one) > 1]


def _read_client(table: RegistryTable, folder: Path, env: Mapping[str, str]) -> WantedClient:
    client_id = table.needed("id")
    if client_id:
        table.place = f"{table.place} ({client_id})"
    kind = table.choice("type", ClientType.WEB)
    pkce = table.text("pkce") or "required"
    if pkce not in {"required", "optional"}:
        table.note(f"must be required or optional, not {pkce!r}", "pkce")
    draft = ClientDraft(
        id=client_id,
        name=table.text("name") or client_id,
        type=kind,
        auth_method=table.choice("auth_method", default_auth_method(kind)),
        grant_types=table.choices("grant_types", GrantType),
        redirect_uris=table.texts("redirect_uris"),
        post_logout_redirect_uris=table.texts("post_logout_redirect_uris"),
        backchannel_logout_uri=table.text("backchannel_logout_uri"),
        backchannel_logout_session_required=table.flag("backchannel_logout_session_required", default=False),
        frontchannel_logout_uri=table.text("frontchannel_logout_uri"),
        frontchannel_logout_session_required=table.flag(
            "frontchannel_logout_session_required", default=False
        ),
        scope=_scope(table, "scopes"),
        optional_scope=_scope(table, "optional_scopes"),
        default_api=table.text("default_api"),
        origins=table.texts("origins"),
        refresh=table.choice("refresh", RefreshPolicy.AUTOMATIC),
        require_pkce=pkce != "optional",
        redirect_uri_optional=table.flag("redirect_uri_optional", default=False),
        first_party=table.flag("first_party", default=False),
        consent_lifetime=table.seconds("consent_lifetime"),
        homepage=table.text("homepage"),
        terms_uri=table.text("terms"),
        privacy_uri=table.text("privacy"),
        api=table.text("api"),
        jwks=_keys(table, folder),
        jwks_uri=table.text("jwks_uri"),
        certificate_name=_certificate_name(table),
        certificate_bound_tokens=table.flag("certificate_bound_tokens", default=False),
        legacy_audience=table.flag("legacy_audience", default=False),
        id_token_signed_response_alg=table.text("id_token_signed_response_alg") or DEFAULT_ID_TOKEN_ALG,
        userinfo_signed_response_alg=table.text("userinfo_signed_response_alg"),
        subject_type=table.choice("subject_type", SubjectType.PUBLIC),
        sector_identifier=table.text("sector_identifier"),
    )
    enabled = table.flag("enabled", default=True)
    secrets = _read_secrets(table, folder, env)
    table.refuse_the_rest()
    return WantedClient(id=client_id, draft=draft, enabled=enabled, secrets=secrets)


def _scope(table: RegistryTable, key: str) -> Scope:
    try:
        return Scope.of(table.texts(key))
    except ValueError as bad:
        table.note(str(bad), key)
        return Scope()


def _certificate_name(table: RegistryTable) -> CertificateName | None:
    text = table.text("certificate_name")
    try:
        return None if text is None else CertificateName.parse(text)
    except ValueError as bad:
        table.note(str(bad), "certificate_name")
        return None


def _keys(table: RegistryTable, folder: Path) -> tuple[str, ...]:
    """The public keys in the file that `jwks_file` names."""
    name = table.text("jwks_file")
    if name is None:
        return ()
    try:
        return read_key_file((folder / name).read_bytes())
    except OSError as bad:
        table.note(f"{name} cannot be read: {bad.strerror}", "jwks_file")
    except ValueError as bad:
        table.note(f"{name}: {bad}", "jwks_file")
    return ()


def _read_secrets(table: RegistryTable, folder: Path, env: Mapping[str, str]) -> tuple[WantedSecret, ...]:
    """From `secret`, `secret_file`, `secret_env`, or tables with `value`, `secret_file`, `secret_env`."""
    found = [_secret(table, table.secret("secret", folder=folder, env=env, plain="secret"), "")]
    for one in table.tables("secrets"):
        label = one.text("label") or ""
        if problem := label_problem(label):
            one.note(problem, "label")
        text = one.secret("secret", folder=folder, env=env, plain="value")
        if not any(one.has(name) for name in ("value", "secret_file", "secret_env")):
            one.note("needs value, secret_file or secret_env")
        found.append(_secret(one, text, label))
        one.refuse_the_rest()
    secrets = tuple(secret for secret in found if secret is not None)
    if len({secret.text for secret in secrets}) < len(secrets):
        table.note("the same secret is given twice", "secrets")
    return secrets


def _secret(table: RegistryTable, text: str | None, label: str) -> WantedSecret | None:
    expires_at = table.moment("expires") if label or table.has("expires") else None
    if text is None:
        return None
    if problem := given_secret_problem(text):
        table.note(problem, "secret")
        return None
    return WantedSecret(text=text, label=label, expires_at=expires_at)


def _read_person(table: RegistryTable, folder: Path, env: Mapping[str, str], *, dev: bool) -> PersonDraft:
    username = table.needed("username")
    if username:
        table.place = f"{table.place} ({username})"
    if table.has("password") and not dev:
        table.note(
            "a plain password is for dev only: use password_file, password_env or password_hash", "password"
        )
    password = table.secret("password", folder=folder, env=env, plain="password")
    hashed = table.text("password_hash")
    if password is not None and hashed is not None:
        table.note("give a password or a hash, not both", "password_hash")
    if not any(table.has(name) for name in ("password", "password_file", "password_env", "password_hash")):
        table.note("needs password_file, password_env or password_hash")
    if password is not None and (problem := password_problem(password)):
        table.note(problem, "password")
    if hashed is not None and check_of(hashed) is None:
        table.note("is no hash that can be checked: argon2, bcrypt or PBKDF2", "password_hash")
    draft = PersonDraft(
        username=username,
        name=table.text("name") or username,
        password=password,
        password_hash=hashed,
        email=table.text("email"),
        email_verified=table.flag("email_verified", default=False) if table.has("email_verified") else None,
        profile=_read_profile(table),
    )
    table.refuse_the_rest()
    return draft


def _read_profile(table: RegistryTable) -> Profile:
    """The standard claims of OpenID Connect, by their names; the address is a table of its own."""
    address = None
    if table.has("address"):
        parts = table.table("address")
        address = Address(**{name: parts.text(name) for name in ADDRESS_TEXTS})
        parts.refuse_the_rest()
    texts: dict[str, Any] = {name: table.text(name) for name in TEXTS}
    return Profile(
        **texts,
        phone_number_verified=table.flag("phone_number_verified", default=False),
        address=address,
    )
