"""The configuration file from the command line, with or without a gateway that runs on it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from gaud_core.config import (
    Config,
    Data,
    History,
    Plan,
    Plugins,
    Version,
    config_of,
    find_file,
    locked,
    make_plan,
    new_place,
    parse_file,
    replace_file,
    version_of,
)
from gaud_core.errors import ConfigError, GaudError
from gaud_core.gateway.guests.plugins import discover, settings_of
from gaud_core.gateway.live.muster import Muster, WorkerState

__all__ = ["ConfigDesk", "open_config"]

_PATIENCE_SECS = 45.0  # a provider may take 30 to start


@attrs.frozen
class ConfigDesk:
    """One file with its history, and the workers that run on it."""

    path: Path
    content: bytes
    """What is on the disk."""
    data: Path
    plugins: Plugins
    environ: Mapping[str, str]

    @property
    def history(self) -> History:
        """The versions that were applied."""
        return History.of(self.data, self.path)

    @property
    def muster(self) -> Muster:
        """The workers of this machine."""
        return Muster.of(self.data)

    def plan(self, content: bytes) -> Plan:
        """Compare a text with what was applied last; ConfigError if Gaud itself cannot use it."""
        said = self._applied()
        return make_plan(said, said, self._config(content), version_of(self.content))

    def replace(self, content: bytes, actor: str, action: str, plan: Plan) -> Version | None:
        """Put a text in the place of the file, and keep it in the history."""
        version = self._version(content, actor, action, tuple(change.key for change in plan.changes))
        with locked(self.data / "config" / "lock"):
            if self.content and self.history.newest() is None:  # so that there is a way back
                self.history.keep(self.content, self._version(self.content, "file", "edit", ()))
            kept = self.history.keep(content, version)
            try:
                replace_file(self.path, content, self.content)
            except BaseException:
                if kept is not None:
                    self.history.drop(kept)
                raise
        return kept

    def undo(self, content: bytes, version: Version | None) -> None:
        """Put back what was there before, because a worker could not take the new text."""
        with locked(self.data / "config" / "lock"):
            replace_file(self.path, self.content, content)
            if version is not None:
                self.history.drop(version)

    def tell(self, digest: str) -> Sequence[WorkerState]:
        """Have every worker look at the file now, and give what they made of it."""
        before = {state.pid: state.looked for state in self.muster.living()}

        def done(state: WorkerState) -> bool:
            heard = state.hears and state.looked > before.get(state.pid, state.looked)
            return heard or (state.saw == digest and not (state.hears and state.pid in before))

        self.muster.call(self.muster.living())
        return self.muster.follow(done, _PATIENCE_SECS)

    def _version(self, content: bytes, actor: str, action: str, keys: tuple[str, ...]) -> Version:
        now, digest = time.time_ns() // 1_000_000, version_of(content)
        return Version(
            id=0, at=now, actor=actor, action=action, digest=digest, keys=keys, path=str(self.path)
        )

    def _applied(self) -> Config:
        """What was applied last, or what is on the disk when there is no history yet."""
        newest = self.history.newest()
        try:
            return self._config(self.history.get(newest.id)[1] if newest else self.content)
        except ConfigError:
            return Config(path=self.path)

    def _config(self, content: bytes) -> Config:
        return config_of(parse_file(self.path, content), self.environ, self.plugins)


def open_config(config_path: str | None) -> ConfigDesk:
    """Find the file and its data folder; a file with mistakes is no mistake here."""
    environ = os.environ
    path = find_file(config_path, environ)[0] or new_place()
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = b""
    except OSError as error:
        raise GaudError(f"{path} cannot be read: {error.strerror or error}.") from None
    data = _data_folder(path, content, environ)
    return ConfigDesk(path, content, data, settings_of(discover(environ), environ), environ)


def _data_folder(path: Path, content: bytes, environ: Mapping[str, str]) -> Path:
    """Where the gateway keeps its things, read from as much of the file as can be read."""
    named = environ.get("GAUD_DATA_DIR", "").strip()
    if named:
        return Path(named).expanduser()
    try:
        table: Any = parse_file(path, content).table.get("data", {})
        said = table.get("dir") if isinstance(table, Mapping) else None
    except ConfigError:
        said = None
    return path.parent / Path(said).expanduser() if isinstance(said, str) and said else Data().folder
