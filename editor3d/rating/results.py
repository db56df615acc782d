"""What raters say: shares with their 95 % confidence intervals.

A share of single answers has Wilson's interval. Answers of one rater are not independent of each other: the mean over
raters therefore has an interval by resampling raters (bootstrap, percentiles), where there are two or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from scipy.stats import binomtest, bootstrap

from editor3d.errors import DataError, first_line
from editor3d.rating.study import Study

CONFIDENCE = 0.95
_RESAMPLES = 9999


class Answers(msgspec.Struct, frozen=True):
    """One rater's file."""

    study: str
    rater: str
    answers: dict[str, str]
    """By the ids of pairs (`left`, `right`, `same`) and of single pictures (`real`, `edited`)."""


class Share(msgspec.Struct, frozen=True):
    """How many of how many, and what the truth may be."""

    of: int
    share: float
    low: float
    high: float
    """Wilson's interval."""
    rater_low: float | None = None
    """By resampling raters; None with one rater, or where all agree."""
    rater_high: float | None = None


class Preference(msgspec.Struct, frozen=True):
    """Two runs with the same instruction."""

    instruction: str
    run: str
    other: str
    preferred: Share | None
    """How often the first one, where one was; None where none ever was."""
    undecided: int


class Ratings(msgspec.Struct, frozen=True):
    """What all raters say."""

    raters: int
    preferences: tuple[Preference, ...]
    taken_for_real: dict[str, Share]
    """How often pictures of each run were taken for photographs, by the run's folder."""
    photographs: Share | None
    """How often photographs were: what a perfect edit would reach."""


def read_answers(path: Path, study: Study) -> Answers:
    """A rater's file.

    Raises:
        DataError: it is damaged, or of another study.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Answers)
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(
            f"Expected a rater's answers in {path}, found none ({first_line(error)}): name what the page saved."
        ) from error
    if found.study != study.id:
        raise DataError(f"Expected answers to the study {study.id} in {path}, found those to {found.study}.")
    return found


def rate(study: Study, raters: Sequence[Answers]) -> Ratings:
    """Preferences, and what was taken for real.

    Raises:
        DataError: a rater answered twice, or said what cannot be said.
    """
    if len({each.rater for each in raters}) < len(raters):
        raise DataError("Expected one file a rater, got two of one: leave one out.")
    sides = {pair.id: pair for pair in study.pairs}
    singles = {single.id: single for single in study.singles}
    for each in raters:
        for name, answer in each.answers.items():
            allowed = ("left", "right", "same") if name in sides else ("real", "edited") if name in singles else ()
            if answer not in allowed:
                raise DataError(f"Expected an answer of this study from rater {each.rater}, got {answer!r:.40}.")
    compared = dict.fromkeys((pair.instruction, *sorted((pair.left, pair.right))) for pair in study.pairs)
    preferences = []
    for instruction, run, other in compared:
        votes, undecided = [], 0
        for each in raters:
            mine = []
            for name, answer in each.answers.items():
                pair = sides.get(name)
                if pair is None or {pair.left, pair.right} != {run, other}:
                    continue
                if answer == "same":
                    undecided += 1
                else:
                    mine.append((pair.left if answer == "left" else pair.right) == run)
            votes.append(mine)
        preferences.append(Preference(instruction, run, other, share_of(votes), undecided))

    def real(run: str | None) -> Share | None:
        return share_of(
            [
                [
                    answer == "real"
                    for name, answer in each.answers.items()
                    if name in singles and singles[name].run == run
                ]
                for each in raters
            ]
        )

    runs = dict.fromkeys(single.run for single in study.singles if single.run is not None)
    taken = {run: found for run in runs if (found := real(run)) is not None}
    return Ratings(len(raters), tuple(preferences), taken, real(None))


def share_of(votes: Sequence[Sequence[bool]]) -> Share | None:
    """The share of true votes, a list a rater; None where there are none."""
    everything = [vote for mine in votes for vote in mine]
    if not everything:
        return None
    interval = binomtest(sum(everything), len(everything)).proportion_ci(CONFIDENCE, method="wilson")
    means = np.array([np.mean(mine) for mine in votes if mine])
    low = high = None
    if len(means) > 1 and np.ptp(means) > 0:
        drawn = np.random.default_rng(0)
        settings: dict[str, Any] = {"n_resamples": _RESAMPLES, "method": "percentile", "random_state": drawn}
        found = bootstrap((means,), np.mean, confidence_level=CONFIDENCE, **settings).confidence_interval
        low, high = float(found.low), float(found.high)
    share = sum(everything) / len(everything)
    return Share(len(everything), share, float(interval.low), float(interval.high), low, high)
