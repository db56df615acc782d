"""`editor3d log`: what was asked for, refused and made, and whether the log is whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Log:
    """Show the log of instructions, refusals and results, and whether it is as it was written.

    Ends with exit code 1 where an entry was changed, taken out or put in. Entries cut off at its end are found only by
    --newest.
    """

    file: Path | None = None
    """Name the log; by default EDITOR3D_LOG, or this user's own."""
    last: int = 20
    """Print this many entries, the newest last."""
    newest: str | None = None
    """Name the hash that an earlier call printed: it must still be there."""
    json: bool = False
    """Print the entries as JSON lines."""

    def run(self) -> int:
        import json

        from editor3d.audit.log import START, log_path, read_log
        from editor3d.errors import ConfigError

        path = log_path() if self.file is None else self.file
        if path is None:
            raise ConfigError("Expected a log, but EDITOR3D_LOG is off, so that none is kept: name one by --file.")
        chain = read_log(path)
        for entry in chain.entries[len(chain.entries) - min(max(self.last, 0), len(chain.entries)) :]:
            said = {key: value for key, value in entry.items() if key not in ("time", "kind", "hash", "before")}
            told = ", ".join(f"{key}: {value}" for key, value in said.items())
            print(json.dumps(entry, ensure_ascii=False) if self.json else f"{entry['time']} {entry['kind']}: {told}")
        fault = chain.fault
        known = (START, *(entry["hash"] for entry in chain.entries))
        if not fault and self.newest is not None and self.newest not in known:
            fault = f"the entry {self.newest} is gone"
        if self.json:
            return 1 if fault else 0
        print(f"{path}: {len(chain.entries)} entries, {f'BROKEN: {fault}' if fault else 'all as they were written'}.")
        print(f"Newest: {chain.newest}")
        return 1 if fault else 0
