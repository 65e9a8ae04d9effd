"""The clients that `gaud connect` and `gaud run` know, and how each is set up."""

from __future__ import annotations

from gaud_core.cli.clients.agents import AGENTS
from gaud_core.cli.clients.editors import EDITORS, TOOLS
from gaud_core.cli.clients.libraries import LIBRARIES
from gaud_core.cli.clients.values import KEY_VARIABLE, Client, ClientFile, Facts, Snippet
from gaud_core.errors import GaudError
from gaud_core.settings.words import did_you_mean, listed, printable

__all__ = ["CLIENTS", "KEY_VARIABLE", "Client", "ClientFile", "Facts", "Snippet", "client_named"]

CLIENTS = (*AGENTS, *EDITORS, *TOOLS, *LIBRARIES)


def client_named(name: str) -> Client:
    """Give the client of a name; GaudError says which there are."""
    by_name = {client.name: client for client in CLIENTS}
    if name in by_name:
        return by_name[name]
    near = did_you_mean(name, by_name)
    cure = f"Did you mean `{near}`?" if near else f"There is {listed(by_name)}."
    raise GaudError(f"Gaud knows no client `{printable(name)}`. {cure}")
