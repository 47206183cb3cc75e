"""The person between a client library and the server: Ada, who opens the link and clicks."""

from dataclasses import dataclass

from playwright.async_api import Page

from tests.node import PASSWORD, Visitor, leaving_url


@dataclass
class Person:
    """Ada at a browser without JavaScript, who brings back the address she was sent to."""

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


async def press(page: Page, button: str) -> None:
    """Ada at a real browser: click the button of this name."""
    await page.get_by_role("button", name=button, exact=True).click()


async def sign_in(page: Page) -> None:
    """Ada at a real browser: type and click."""
    await page.get_by_label("Username").fill("ada")
    await page.get_by_label("Password").fill(PASSWORD)
    await press(page, "Sign in")
