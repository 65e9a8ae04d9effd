"""`gaud bench`: time real calls through a gateway that runs, and to its upstream beside it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import attrs
import click

from gaud_core.cli.books import confirm
from gaud_core.cli.common import config_option, printable, screen_width
from gaud_core.cli.params import Span
from gaud_core.cli.reach import (
    checked_address,
    find_address,
    find_key,
    find_model,
    instances_at,
    is_key,
    is_private,
)
from gaud_core.errors import GaudError
from gaud_core.settings import Secret

if TYPE_CHECKING:
    from gaud_core.cli.measure.plan import Plan
    from gaud_core.cli.measure.run import Run

__all__ = ["command"]

F = TypeVar("F", bound=Callable[..., Any])

_CALLS, _MAX_TOKENS = 20, 16
_EXIT_INTERRUPTED = 130  # what a shell gives for Ctrl-C
_CLEAR = "\r\x1b[K"
_PAUSE_SECS = 0.1
"""Between two writings of the line that counts."""
_MODEL = re.compile(r"\S{1,200}")


@attrs.frozen
class _Place:
    """Somewhere that chat calls can be sent to; `url` is the base address of its API."""

    name: str
    url: str
    model: str
    key: Secret | None


def _plan_options(function: F) -> F:
    options = [
        click.option(
            "--calls", type=click.IntRange(1, 100_000), help=f"How many calls; {_CALLS} by default."
        ),
        click.option("--seconds", type=Span(), metavar="SPAN", help="Or how long to begin calls: 30s, 5m."),
        click.option("--connections", type=click.IntRange(1, 1000), default=1, help="Calls at a time."),
        click.option("--stream", is_flag=True, help="Ask for streams, and time their chunks."),
        click.option("--prompt", metavar="TEXT", help="What to ask; without it a short question."),
        click.option(
            "--size", type=click.IntRange(1, 10_000_000), help="Ask with a text of so many characters."
        ),
        click.option(
            "--max-tokens",
            type=click.IntRange(1, 1_000_000),
            default=_MAX_TOKENS,
            help=f"The longest answer; {_MAX_TOKENS} by default.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def _direct_options(function: F) -> F:
    options = [
        click.option(
            "--direct", metavar="URL", help="Make the same calls to this OpenAI-compatible upstream."
        ),
        click.option("--direct-key-env", metavar="NAME", help="The variable that has the upstream's key."),
        click.option("--direct-model", metavar="NAME", help="The model's name there, if it is another."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@click.command("bench")
@click.argument("model")
@click.option("--url", help="Gaud's address; without it GAUD_URL, or where the configuration lets it listen.")
@click.option("--key", help="Your Gaud key; better in GAUD_KEY, for others can see a command's words.")
@_plan_options
@_direct_options
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def command(
    config_path: str | None, model: str, url: str | None, key: str | None, *, as_json: bool, **options: Any
) -> None:
    """Time real calls to MODEL through a gateway that runs.

    They cost what calls cost: how many there will be, and the most they can cost, is said first. One call
    before them does not count. Exit code 1 if a call failed, 130 after Ctrl-C.
    """
    if options["prompt"] is not None and options["size"]:
        raise click.UsageError("--prompt and --size: which one?")
    if not _MODEL.fullmatch(model) or not model.isprintable():
        raise GaudError("MODEL: this is no name that a model can have.")
    root = find_address(url, config_path)
    secret, found = _known(root, key, model)
    gaud = _Place("gaud", f"{root}/v1", model, secret)
    direct = _direct(gaud, root, options)
    plan = _plan(model, found, options)
    _tell(plan, [gaud, *direct])
    confirm("Go ahead?", "No call was made", yes=options["yes"])
    run = asyncio.run(_measure(plan, [gaud, *direct]))
    _report(run, as_json=as_json)


def _known(root: str, given: str | None, model: str) -> tuple[Secret | None, Mapping[str, Any]]:
    """Ask the gateway for the model, with a key if it wants one."""
    key = find_key(given, ask=False)
    found = find_model(root, key, model)
    if found is None:
        key = find_key(None)
        found = find_model(root, key, model) if key else None
    if found is None:
        raise GaudError("There is no key: set GAUD_KEY. `gaud keys create USER` makes one.")
    return key, found


def _direct(gaud: _Place, root: str, options: Mapping[str, Any]) -> list[_Place]:
    """The upstream that is called beside the gateway, if one was named."""
    if not options["direct"]:
        if options["direct_key_env"] or options["direct_model"]:
            raise click.UsageError(
                "--direct-key-env and --direct-model belong to --direct, which is not there."
            )
        return []
    address = checked_address(options["direct"], "--direct")
    base = address if urlsplit(address).path else f"{address}/v1"
    prefix, colon, rest = gaud.model.partition(":")
    ours = options["direct_model"] is None and colon and prefix in instances_at(root, gaud.key)
    name = rest if ours else options["direct_model"] or gaud.model
    return [_Place("direct", base, name, _direct_key(options["direct_key_env"]))]


def _direct_key(variable: str | None) -> Secret | None:
    if variable is None:
        return None
    text = os.environ.get(variable, "").strip()
    if not text:
        raise GaudError(f"--direct-key-env: the variable {printable(variable)} is not set.")
    if not is_key(text):
        raise GaudError(f"--direct-key-env: what {printable(variable)} holds is no key.")
    return Secret(text)


def _plan(model: str, found: Mapping[str, Any], options: Mapping[str, Any]) -> Plan:
    from gaud_core.cli.measure.plan import Plan, Prompt, price_of

    calls = options["calls"] or (None if options["seconds"] else _CALLS)
    longest = found.get("max_output_tokens")
    return Plan(
        model=model,
        prompt=Prompt(options["prompt"], options["size"] or 0, secrets.token_hex(4)),
        max_tokens=options["max_tokens"],
        calls=calls,
        seconds=options["seconds"],
        connections=min(options["connections"], calls or options["connections"]),
        stream=options["stream"],
        price=price_of(found),
        longest_answer=longest if type(longest) is int and longest > 0 else None,
        listed=bool(found),
    )


def _tell(plan: Plan, places: list[_Place]) -> None:
    """Say what is going to happen, and what it can cost."""
    gaud, *others = places
    lines = [f"{plan.amount()} to {gaud.model} at {gaud.url}, and one to warm up."]
    lines += [f"As many to {other.model} at {other.url}, in turn with them." for other in others]
    lines.append(plan.cost(len(places)))
    lines += [
        f"Whatever is sent to {place.url} can be read on the way: it is not encrypted."
        for place in places
        if not is_private(place.url)
    ]
    for line in lines:
        for part in _lines(printable(line)):
            click.echo(part, err=True)


def _lines(sentence: str) -> list[str]:
    """The sentence as the terminal has room for it; addresses stay whole."""
    width = screen_width()
    return wrap(sentence, width, break_long_words=False, break_on_hyphens=False) if width else [sentence]


async def _measure(plan: Plan, places: list[_Place]) -> Run:
    from gaud_core.cli.measure.run import Run
    from gaud_core.cli.measure.target import Target
    from gaud_core.gateway.upstream import Upstream

    hidden = tuple(place.key for place in places if place.key)
    upstreams = [Upstream(place.name) for place in places]
    targets = [
        Target(place.name, place.url, place.model, place.key, plan, upstream.send, hidden)
        for place, upstream in zip(places, upstreams, strict=True)
    ]
    shows = sys.stderr.isatty()
    run = Run(plan, targets, _Progress() if shows else lambda run: None)
    try:
        await run.go()
    finally:
        for upstream in upstreams:
            await upstream.aclose()
        if shows:
            click.echo(_CLEAR, err=True)
    return run


@attrs.define
class _Progress:
    """One line that is written anew, not more often than eyes can follow."""

    _next: float = 0.0

    def __call__(self, run: Run) -> None:
        """Write it."""
        if (now := time.monotonic()) < self._next:
            return
        self._next = now + _PAUSE_SECS
        calls, failed = (sum(getattr(tally, name) for tally in run.tallies) for name in ("calls", "failed"))
        of = f" of {run.plan.calls * len(run.tallies):,}" if run.plan.calls else ""
        until = f" of {run.plan.seconds:g}" if run.plan.seconds else ""
        told = f"{calls:,}{of} calls, {failed:,} failed, {run.elapsed:.0f}{until} s. Ctrl-C ends it."
        click.echo(f"{_CLEAR}{told}", err=True, nl=False)


def _report(run: Run, *, as_json: bool) -> None:
    from gaud_core.cli.measure import report

    click.echo(json.dumps(report.as_json(run), indent=2) if as_json else report.as_text(run))
    if run.ending == "interrupted":
        raise SystemExit(_EXIT_INTERRUPTED)
    if any(tally.failed for tally in run.tallies):
        raise SystemExit(1)
