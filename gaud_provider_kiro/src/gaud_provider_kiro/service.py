"""What Kiro's API is asked: calls, the list of models, the account's limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from gaud_core import Context, Reply, Timeouts, Token, UpstreamRequest
from gaud_provider_kiro.allowances import Allowances, allowances_from
from gaud_provider_kiro.asking import get
from gaud_provider_kiro.catalog import Catalog
from gaud_provider_kiro.hosts import Hosts
from gaud_provider_kiro.logins.login import Login
from gaud_provider_kiro.objections import objections_to
from gaud_provider_kiro.refusals import error_for, read_refusal
from gaud_provider_kiro.to_kiro import Asked

if TYPE_CHECKING:
    import httpx

__all__ = ["Service"]

_MOST_PAGES = 20


@attrs.frozen
class Service:
    """Asks with a token; every refusal is raised as what it means."""

    ctx: Context
    hosts: Hosts
    timeouts: Timeouts
    is_key: bool
    """Whether the tokens are keys."""
    wait_secs: Callable[[], int | None]
    """Gives the seconds until the quota is whole again."""

    async def call(self, asked: Asked, token: Token, *, stream: bool) -> Reply:
        """Send a call, and give the answer's events as bytes."""
        url = self.hosts.call_url(Login.of(token))
        headers = self.hosts.call_headers(token.access_token.reveal(), is_key=self.is_key)
        request = UpstreamRequest(url, headers, asked.body, stream, timeouts=self.timeouts)
        reply = await self.ctx.send(request)
        if reply.status == 200:
            return reply
        try:
            refusal = await read_refusal(reply)
        finally:
            await reply.aclose()
        objections = objections_to(asked.request, len(asked.body)) if refusal.status == 400 else ()
        raise error_for(refusal, objections, self.wait_secs())

    async def models(self, token: Token) -> Catalog:
        """Ask for all pages of the list of models."""
        catalog, more = Catalog(), ""
        for _ in range(_MOST_PAGES):
            page = await self._get(token, "ListAvailableModels", {"nextToken": more} if more else {})
            catalog, more = catalog.with_page(page), str(page.get("nextToken") or "")
            if not more:
                break
        return catalog

    async def allowances(self, token: Token) -> Allowances:
        """Ask for what is left."""
        return allowances_from(await self._get(token, "getUsageLimits", {"resourceType": "AGENTIC_REQUEST"}))

    async def _get(self, token: Token, what: str, more: dict[str, str]) -> dict[str, object]:
        login = Login.of(token)
        profile = self.hosts.profile(login)
        query = {"origin": self.hosts.origin, **({"profileArn": profile} if profile else {}), **more}
        headers = self.hosts.asking_headers(token.access_token.reveal(), is_key=self.is_key)
        return await get(self._http(), f"{self.hosts.api(login)}/{what}", query, headers)

    def _http(self) -> httpx.AsyncClient:
        return self.ctx.http()
