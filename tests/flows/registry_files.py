"""A registry as a file, for tests: what it says, and what comes of it."""

import tomllib
from pathlib import Path

import pytest

from grantway.flows.registry_file import read_registry
from grantway.flows.registry_plan import apply, plan_for
from grantway.flows.rejections import Rejected

SECRET, OTHER = "Kq7vT2mX9bLw4RzN8cHj", "dW5fPq8ZkX3nVb7RtG2y"
FILE = f"""
[[apis]]
name = "photos"
audience = "https://api.example/photos"
[[apis.scopes]]
name = "photos:read"
description = "See your photos"
default = true
[[apis.scopes]]
name = "photos:delete"
description = "Delete your photos"
sensitivity = "sensitive"
[[apis.rules]]
path = "/photos"
GET = ["photos:read"]

[[apps]]
id = "printer"
name = "Photo Printer"
redirect_uris = ["https://printer.example/cb"]
scopes = ["photos:read"]
optional_scopes = ["photos:delete"]
default_api = "photos"
secret = "{SECRET}"

[[people]]
username = "ada"
name = "Ada Lovelace"
password = "a long walk by the lake"
"""


def wanted(text, *, dev=True, folder=Path(), **env):
    return read_registry(tomllib.loads(text), folder=folder, env=env, dev=dev)


def mistakes(text, **options):
    with pytest.raises(Rejected) as refusal:
        wanted(text, **options)
    return str(refusal.value).splitlines()


async def applied(server, text, **options):
    return [str(line) for line in (await apply(server, wanted(text), actor="file:x", **options)).lines]


async def planned(server, text, **options):
    return [str(line) for line in (await plan_for(server, wanted(text), **options)).lines]


def registry(server):
    return server.snapshots.current().registry
