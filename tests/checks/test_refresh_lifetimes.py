"""How long refreshing may go on. Time passes for the whole database here, so everyone signs in anew."""

from tests.checks.answers import is_code, is_consent, is_error, page_of, returned, tokens_of

DAY = 86400


async def refresh_token(visitor) -> str:
    page = await visitor.sign_in(await page_of(visitor))
    page = await visitor.submit(page, answer="allow") if is_consent(page) else page
    code = is_code(returned(page), visitor.node)
    return tokens_of(await visitor.node.redeem(code, visitor.verifier))["refresh_token"]


async def test_a_refresh_token_unused_for_its_lifetime_is_dead(node, visitor):
    """RT01: the idle end, 30 days; using it starts them anew."""
    token = await refresh_token(visitor)
    for _ in range(2):
        await node.pass_time(29 * DAY)
        token = tokens_of(await node.refresh(token))["refresh_token"]
    await node.pass_time(31 * DAY)
    is_error(await node.refresh(token), "invalid_grant")


async def test_rotation_never_moves_the_end_of_the_approval(node, visitor):
    """RT02: 180 days after it, refreshing is over."""
    token = await refresh_token(visitor)
    for _ in range(8):
        await node.pass_time(22 * DAY)
        token = tokens_of(await node.refresh(token))["refresh_token"]
    await node.pass_time(5 * DAY)
    is_error(await node.refresh(token), "invalid_grant")
