"""`editor3d rate`: a page on which people rate edits blind, and what their answers say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from editor3d.rating.results import Ratings, Share


@dataclass(frozen=True)
class Rate:
    """Make a page on which people rate edits blind; with --answers, compute what they say.

    Runs with the same instruction are shown in pairs: which is better? Single pictures, and photographs among them, are
    to be told apart: real or edited? The page, rate.html, is one file to be sent to raters; key.json beside it says
    which picture is which, and stays with you. Each rater's page saves a file of answers.
    """

    runs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUNS")] = ()
    """Name the folders of finished edits; none with --answers."""
    answers: tuple[Path, ...] = ()
    """Name the files that raters' pages saved; prints preferences, and how often edits were taken for real, with 95 %
    confidence intervals."""
    output: Path = Path("outputs/rating")
    """Name the folder of the page and its key."""
    seed: int = 0
    """Draw the order and the sides by this seed."""
    json: bool = False
    """Print the ratings as JSON."""

    def run(self) -> int:
        import msgspec

        from editor3d.errors import ConfigError
        from editor3d.files.writing import replacing, write_json
        from editor3d.rating.page import page
        from editor3d.rating.results import rate, read_answers
        from editor3d.rating.study import KEY, make_study, read_key
        from editor3d.run.events import Result, absolute, emit

        if bool(self.runs) == bool(self.answers):
            raise ConfigError("Expected runs for a page, or --answers to one, got both or neither: give one of them.")
        if self.answers:
            study = read_key(self.output)
            found = rate(study, [read_answers(path, study) for path in self.answers])
            print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() if self.json else told(found))
            return 0
        shown = make_study(self.runs, self.seed)
        with replacing(self.output / "rate.html") as temporary:
            temporary.write_text(page(shown), encoding="utf-8")
        write_json(self.output / KEY, msgspec.to_builtins(shown.study))
        emit(Result(kind="report", path=absolute(self.output / "rate.html")))
        print(f"{len(shown.study.pairs)} pairs and {len(shown.study.singles)} single pictures: send raters")
        print(f"{self.output / 'rate.html'}, and keep {self.output / KEY}.")
        return 0


def told(ratings: Ratings) -> str:
    """One line a comparison, then one a run."""
    lines = [f"{ratings.raters} raters. Shares have 95 % intervals: of answers (Wilson), then of raters (bootstrap)."]
    for each in ratings.preferences:
        decided = "never decided" if each.preferred is None else f"preferred {_share(each.preferred)}"
        lines.append(f"{each.instruction}: {each.run} over {each.other}: {decided}, {each.undecided} undecided")
    for run, share in ratings.taken_for_real.items():
        lines.append(f"{run}: taken for real {_share(share)}")
    if ratings.photographs is not None:
        lines.append(f"photographs: taken for real {_share(ratings.photographs)}")
    return "\n".join(lines)


def _share(share: Share) -> str:
    text = f"{share.share:.0%} of {share.of} ({share.low:.0%} to {share.high:.0%}"
    if share.rater_low is not None:
        text += f"; {share.rater_low:.0%} to {share.rater_high:.0%}"
    return f"{text})"
