"""What Kiro's API is asked besides calls: the list of models, the account's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from gaud_core import Context, Token
from gaud_provider_kiro.allowances import Allowances, allowances_from
from gaud_provider_kiro.asking import get
from gaud_provider_kiro.catalog import Catalog
from gaud_provider_kiro.hosts import Hosts
from gaud_provider_kiro.logins.login import Login

if TYPE_CHECKING:
    import httpx

__all__ = ["Service"]

_MOST_PAGES = 20


@attrs.frozen
class Service:
    """Asks with a token; every refusal is raised as what it means."""

    ctx: Context
    hosts: Hosts
    is_key: bool
    """Whether the tokens are keys."""

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
