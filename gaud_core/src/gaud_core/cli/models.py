"""`gaud models`: ask every configured provider for its models."""

from __future__ import annotations

import asyncio

import click

from gaud_core.cli.common import Setup, config_option, read_setup, secrets_of, table
from gaud_core.errors import ApiError, with_hint
from gaud_core.gateway.instances.instance import Instance
from gaud_core.observe.logs import set_up_logging
from gaud_core.provider import Model
from gaud_core.provider.base import dollars

__all__ = ["command"]

_HEAD = ("MODEL", "INPUT $/M", "OUTPUT $/M", "CONTEXT")


@click.command("models")
@config_option
def command(config_path: str | None) -> None:
    """List the models of every configured provider; exit code 1 if one cannot be asked."""
    setup = read_setup(config_path)
    set_up_logging("warning", as_json=False, secrets=secrets_of(setup.config))
    instances, failures = asyncio.run(_ask(setup))
    rows = [_row(instance, model) for instance in instances for model in instance.models]
    click.echo(table(_HEAD, rows) if rows else _nothing(instances))
    for name, reason in failures.items():
        click.echo(f"\n{name}: {reason}", err=True)
    if failures or setup.config.problems:
        raise SystemExit(1)


async def _ask(setup: Setup) -> tuple[list[Instance], dict[str, str]]:
    from gaud_core.gateway.gateway import Gateway

    gateway = Gateway(setup.config, setup.plugins)
    instances, _ = gateway.build()  # logs what it leaves out
    found = list(instances.values())
    outcomes = await asyncio.gather(*(_discover(instance) for instance in found))
    failures = {instance.name: reason for instance, reason in zip(found, outcomes, strict=True) if reason}
    await asyncio.gather(*(instance.stop() for instance in found))
    await gateway.stop()
    return found, failures


async def _discover(instance: Instance) -> str:
    await instance.start()
    if instance.reason:
        return instance.reason
    try:
        await instance.discover()
    except ApiError as error:
        return with_hint(error.message, error.hint)
    return ""


def _row(instance: Instance, model: Model) -> tuple[str, ...]:
    price = model.price
    costs = (price.input, price.output) if price else (None, None)
    if price and price.subscription:
        costs = (0, 0)
    limit = model.max_input_tokens
    name = f"{instance.name}:{model.id}"
    return name, *("?" if cost is None else dollars(cost) for cost in costs), f"{limit:,}" if limit else "?"


def _nothing(instances: list[Instance]) -> str:
    if instances:
        return "No models are listed."
    return "No provider is configured; `gaud providers` lists the installed ones."
