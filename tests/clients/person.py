"""The person between a client library and the server: opens the link, clicks, brings back the address."""

from dataclasses import dataclass

from tests.node import Visitor, leaving_url


@dataclass
class Person:
    """Ada, with a browser. What she cannot read from a page she does not know."""

    visitor: Visitor

    async def allow(self, link: str, *, only: list[str] | None = None) -> str:
        """Say yes, to `only` these boxes if given. The address her browser leaves the server for."""
        page = await self._signed_in(link)
        if 'id="consent-allow"' in page.text:
            ticked = {} if only is None else {"scope": only}
            page = await self.visitor.submit(page, answer="allow", **ticked)
        return self._callback(page)

    async def deny(self, link: str) -> str:
        """Say no."""
        page = await self._signed_in(link)
        return self._callback(await self.visitor.submit(page, answer="deny"))

    async def follow(self, link: str) -> str:
        """Open a link that needs no click."""
        return self._callback(await self.visitor.get(link))

    async def _signed_in(self, link: str):
        page = await self.visitor.get(link)
        return await self.visitor.sign_in(page) if 'id="login-submit"' in page.text else page

    def _callback(self, page) -> str:
        url = leaving_url(page)
        assert url is not None, f"the browser stays: {page.status_code} {page.text[:500]}"
        return url
