"""The mark on the card of an app that has changed since it was allowed."""

from dataclasses import replace

from grantway.protocol.apis import Sensitivity
from tests.account.own_pages import card, connect
from tests.node import web_client

CALLBACK = "https://mover.example/cb"
MARK = "Changed since you allowed it"


async def test_a_card_says_what_has_changed_until_the_person_allows_it_again(node, person, visitor):
    """FN12: the name, the places, and the words of what it may do."""
    await node.put_client(web_client("mover", name="Mover", redirect_uris=(CALLBACK,)))
    scope = "photos:read photos:write"
    await connect(visitor, person, "mover", redirect_uri=CALLBACK, scope=scope)
    assert MARK not in card(await visitor.get("/account/apps"), "mover")

    await node.change_client("mover", name="Shaker", redirect_uris=(CALLBACK, "https://shaker.example/cb"))
    photos = node.server.snapshots.current().registry.apis["https://api.example/photos"]
    write = replace(photos.find_scope("photos:write"), description="Add photos and share them")
    scopes = tuple(write if one.name == write.name else one for one in photos.scopes)
    await node.put_api(replace(photos, scopes=scopes))

    said = card(await visitor.get("/account/apps"), "mover")
    assert MARK in said
    assert "It was called “Mover”." in said
    assert "It can now send you to shaker.example, too." in said
    assert "“Add photos to your albums” is now described as “Add photos and share them”." in said

    page = await visitor.get(visitor.link("mover", redirect_uri=CALLBACK, scope=scope, prompt="consent"))
    await visitor.submit(page, answer="allow", scope=["photos:write"])
    await node.put_api(photos)
    said = card(await visitor.get("/account/apps"), "mover")
    assert "It was called" not in said
    assert "“Add photos and share them” is now described as “Add photos to your albums”." in said


async def test_a_card_says_that_seeing_became_changing(node, person, visitor):
    """FN12: the sentence may stay what it was, and the app may do more."""
    await node.put_client(web_client("mover", name="Mover", redirect_uris=(CALLBACK,)))
    await connect(visitor, person, "mover", redirect_uri=CALLBACK, scope="photos:read photos:write")
    photos = node.server.snapshots.current().registry.apis["https://api.example/photos"]
    swapped = {"photos:read": Sensitivity.WRITE, "photos:write": Sensitivity.READ}
    scopes = tuple(replace(one, sensitivity=swapped.get(one.name, one.sensitivity)) for one in photos.scopes)
    await node.put_api(replace(photos, scopes=scopes))
    said = card(await visitor.get("/account/apps"), "mover")
    await node.put_api(photos)
    assert MARK in said
    assert "“See your photos” can change things now." in said
    assert "“Add photos to your albums” no longer changes anything." in said
    assert MARK not in card(await visitor.get("/account/apps"), "mover")
