"""The pages of the clients say what `gaud connect` knows."""

from __future__ import annotations

import pytest

from gaud_core.cli.clients import CLIENTS, Client

from .client_pages import FOLDER, page, with_client_table


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_each_client_has_its_page(client: Client) -> None:
    """If this fails, run `python -m tests.docs.client_pages`."""
    assert (FOLDER / f"{client.name}.md").read_text(encoding="utf-8") == page(client)


def test_the_table_has_all_clients() -> None:
    """And no page is left of a client that is gone."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert text == with_client_table(text)
    assert {path.stem for path in FOLDER.glob("*.md")} == {"README", *(client.name for client in CLIENTS)}
