"""Two small programs that show how Grantway is used: an API that is protected, and an app that calls it.

`photos_api` is an API with people's photos, guarded by the SDK; `photos.toml` defines it. `printer` is
"Photo Printer", a web app of somebody else that asks people for access. `make demo` runs both.
They need the extra `demo`.
"""
