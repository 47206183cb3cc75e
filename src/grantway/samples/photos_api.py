"""The sample API: people's photos, kept in memory, behind the SDK's guard.

Everything about access is in `photos.toml`; the code below only asks whose photos are meant.
"""

from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from grantway.sdk import AccessToken, Api, Guard, Jwks, Protection, load_api

_MAX_BODY = 4096
_MAX_PHOTOS = 50
_MAX_PEOPLE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """One photo. Its picture is a single character: this is a sample."""

    id: int
    title: str
    picture: str
    owner: str


class _Draft(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    picture: str = "📷"

    def __post_init__(self) -> None:
        if not 0 < len(self.title) <= 200 or not 0 < len(self.picture) <= 8:
            raise ValueError("title: 1 to 200 characters; picture: at most 8")


_FIRST_PHOTOS = (("Sunrise over the lake", "🌅"), ("The cat, offended", "🐈"), ("First snow", "🏔️"))


class Album:
    """Everybody's photos, by owner. Whoever comes for the first time finds three."""

    def __init__(self) -> None:
        self._photos: OrderedDict[str, dict[int, Photo]] = OrderedDict()

    def of(self, owner: str) -> dict[int, Photo]:
        """The photos of one person by id. The person unseen for longest makes room for a new one."""
        if owner not in self._photos:
            if len(self._photos) >= _MAX_PEOPLE:
                self._photos.popitem(last=False)
            self._photos[owner] = {
                number: Photo(id=number, title=title, picture=picture, owner=owner)
                for number, (title, picture) in enumerate(_FIRST_PHOTOS, start=1)
            }
        self._photos.move_to_end(owner)
        return self._photos[owner]


def definition(audience: str) -> Api:
    """The definition of this API when it runs at `audience`, its own address."""
    return replace(load_api(Path(__file__).with_name("photos.toml"), "Photos"), identifier=audience)


def create_photos_api(*, issuer: str, base_url: str, jwks: Jwks | None = None) -> Guard:
    """The API as an ASGI application at `base_url`, for the access tokens of `issuer`."""
    api, album = definition(base_url), Album()

    async def home(_request: Request) -> Response:
        return JSONResponse(
            {
                "name": "Photos, a sample API protected by Grantway",
                "try": f"curl -i {base_url}/photos",
                "tokens_from": issuer,
                "needs": {str(rule): sorted(rule.scopes) for rule in api.rules},
            }
        )

    async def list_photos(request: Request) -> Response:
        return JSONResponse({"photos": [asdict(photo) for photo in album.of(_owner(request)).values()]})

    async def show_photo(request: Request) -> Response:
        photo = album.of(_owner(request)).get(request.path_params["id"])
        return _not_found() if photo is None else JSONResponse(asdict(photo))

    async def add_photo(request: Request) -> Response:
        photos = album.of(_owner(request))
        try:
            draft = msgspec.json.decode(await _body(request), type=_Draft)
        except (msgspec.DecodeError, ValueError) as wrong:
            return JSONResponse({"error": "invalid_photo", "error_description": str(wrong)}, 422)
        if len(photos) >= _MAX_PHOTOS:
            return JSONResponse({"error": "album_full", "error_description": "Delete one first."}, 409)
        number = max(photos, default=0) + 1
        photo = Photo(id=number, title=draft.title, picture=draft.picture, owner=_owner(request))
        photos[number] = photo
        return JSONResponse(asdict(photo), 201, {"location": f"{base_url}/photos/{number}"})

    async def delete_photo(request: Request) -> Response:
        photo = album.of(_owner(request)).pop(request.path_params["id"], None)
        return _not_found() if photo is None else Response(status_code=204)

    app = Starlette(
        routes=[
            Route("/", home),
            Route("/photos", list_photos, methods=["GET"]),
            Route("/photos", add_photo, methods=["POST"]),
            Route("/photos/{id:int}", show_photo, methods=["GET"]),
            Route("/photos/{id:int}", delete_photo, methods=["DELETE"]),
        ]
    )
    return Guard(app, Protection(api=api, issuer=issuer, jwks=jwks), public=("/",))


def _owner(request: Request) -> str:
    """Whose photos: the person who gave the token."""
    token: AccessToken = request.scope["grantway.token"]
    return token.subject


def _not_found() -> Response:
    return JSONResponse({"error": "not_found", "error_description": "There is no such photo of yours."}, 404)


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            raise ValueError(f"more than {_MAX_BODY} bytes")
    return body
