"""The proposer that needs no model: it reads the program and learns from each picture.

Where pictures are measured, tweaks are steps of Gauss-Newton on the pixels. When they come to a halt, whole numbers
are grown from few to many (`growth.py`). Then the search looks elsewhere: leaps (other words, switches, links,
materials) are tried, and the best of them is tuned for some rounds by steps of its own, even where it was worse than
the incumbent to begin with; whether it then is better the tournament says. In between, and where no such leaps are
left, a population of programs of the incumbent's structure has a turn, and steps continue from what it finds. Where
pictures are only compared, tweaks are CMA-ES's, which needs no more than an order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from editor3d.programs.core.contracts import Candidate, Failure, Proposal, Round
from editor3d.programs.embedded.descent import Descent
from editor3d.programs.embedded.evolution import Evolution
from editor3d.programs.embedded.growth import Growth
from editor3d.programs.embedded.leaps import choices, leaps
from editor3d.programs.embedded.opening.focus import Focus
from editor3d.programs.embedded.opening.opening import Opening
from editor3d.programs.embedded.plans import Lineage, Plan, drawn_anew, loss_of, moved, of_points, step_taken, swept
from editor3d.programs.embedded.population import Population
from editor3d.programs.embedded.recipes import PATTERNED_FIRST, RECIPES, is_about_materials
from editor3d.programs.judge.picture_loss import PictureLoss
from editor3d.programs.language.bounds import Bounds
from editor3d.programs.language.space import Space
from editor3d.programs.language.syntax import Program
from editor3d.programs.language.vocabulary import NOTHING, Vocabulary

PATIENCE = 2
"""Rounds of steps that bring nothing before the search looks elsewhere."""
GROWN_AFTER = 8
"""Rounds of steps after which counts are grown, even where steps still bring a little."""
EXPLORED = 12
"""The most rounds that a leap is tuned for."""
TURN = 40
"""Rounds of a turn of the population."""
BREED_EVERY = 3
"""Every third look elsewhere is a turn of the population; all are where no leaps are left."""
SPREADS = (0.15, 0.3, 0.08)
"""First standard deviations of CMA-ES, one after the other."""
TRIES = 3
"""How often a leap is tried, each time from another incumbent."""
LONGEST_WAIT = 16
"""The most rounds of leaps that are passed over where leaps lead nowhere."""
HOPELESS = 2.5
"""A leap whose loss is still as many times the incumbent's after some steps is given up."""


class EmbeddedProposer:
    """Writes candidates by changing what is found in the syntax tree of the incumbent."""

    asks_a_model = False

    def __init__(
        self,
        target: np.ndarray | None = None,
        *,
        region: np.ndarray | None = None,
        structures: bool = True,
        vocabulary: Vocabulary = NOTHING,
    ) -> None:
        """
        Args:
            target: [H, W, 3] uint8, the picture to match, where there is one and candidates are measured by it.
            region: [H, W] bool, what of it the search is about; None is all of it.
            structures: propose other structures as well; values alone change without.
            vocabulary: names and limits of the scene.
        """
        self._vocabulary = vocabulary
        self._opening: Opening | None = None
        self._cooked = False
        self._chooses = structures and target is not None
        """Whether menus and switches of the scene's modifiers are tried, one after the other, before all numbers."""
        self._may_leap, self._is_confined = structures, region is not None
        self._loss = None if target is None else PictureLoss(target, region=region)
        self._spaces: dict[str, Space] = {}
        self._bounds: dict[tuple[str, int], Bounds] = {}
        self._tried_leaps: Counter[str] = Counter()
        self._explored: set[str] = set()
        self._plan: Plan | None = None
        self._wait = self._waited = 0
        self._main: Lineage | None = None
        self._explorer: Lineage | None = None
        self._evolution: Evolution | None = None
        self._growth: Growth | None = None
        self._row: Candidate | None = None
        """The best row of the present growth."""
        self._grew: set[tuple[str, int]] = set()
        """Structures and counts that were grown."""
        self._populations: dict[str, Population] = {}
        self._fruitful: set[str] = set()
        """Structures whose population has found an incumbent."""
        self._left = self._looks = self._evolutions = self._turns = 0
        self._axes: list[int] = []
        self._swept: Space | None = None

    def propose(self, current: Round, index: int) -> Proposal | None:
        """The candidate number `index`; candidates of one round are planned together."""
        if self._plan is None or self._plan.number != current.number:
            self._plan = self._planned(current)
        if index >= len(self._plan.sources):
            return None
        source, note = self._plan.sources[index]
        return Proposal(source, note=note)

    def failed(self, current: Round, failure: Failure) -> None:
        """Nothing follows from it for numbers: candidates that are not among those of `learn` are not repeated."""

    def learn(self, current: Round, tried: Sequence[Candidate], best: Candidate) -> None:
        """Take in what came of a round."""
        plan = self._plan
        if plan is None or plan.number != current.number:
            return
        changed = best.source != current.best.source
        if plan.origin == "grow":
            if not self._grown(current, plan, tried, best):
                return
            changed = self._main is None or best.source != self._main.best.source
        elif plan.origin == "breed":
            self._bred(current, plan, tried)
            if self._left or (self._main is not None and best.source == self._main.best.source):
                return  # steps continue from what a whole turn has found
            self._fruitful.add(self._read(best.source).structure)
            changed = True
        elif not plan.sources and plan.origin != "leap":
            return  # a program without numbers
        elif plan.origin == "choose":
            self._chooses = changed
            if changed:
                self._follow(best)
            return
        elif plan.origin == "screen":
            self._screened_round(current, plan, tried, best)
            return
        elif plan.origin == "steps" and self._main is not None:
            step_taken(self._main, plan, tried, self._measure())
        elif plan.origin == "explore" and self._explorer is not None:
            step_taken(self._explorer, plan, tried, self._measure())
            if changed or self._is_hopeless(self._explorer, best):
                self._explorer = None
        elif plan.origin == "evolve":
            self._evolved(plan, tried)
        else:
            self._wait = 0 if changed else min(max(1, 2 * self._wait), LONGEST_WAIT)
            if self._loss is not None and not changed and self._explorer is None:
                self._explorer = self._most_promising(current.best, tried)
        if self._loss is not None and changed:
            self._follow(best)

    def _screened_round(self, current: Round, plan: Plan, tried: Sequence[Candidate], best: Candidate) -> None:
        """Learn what changes the picture; steps begin where the rounds of screening led."""
        assert self._opening is not None
        seen = self._opening.tell(
            [(plan.points[one.source], one) for one in tried if one.source in plan.points], current.best
        )
        if self._main is None:
            self._main = self._lineage(current.best)
        for point, residuals in seen:
            self._main.descent.remember(self._opening.space.snapped(point), residuals)
        self._main.descent.alive = self._opening.alive
        self._main.best = best

    def _most_promising(self, incumbent: Candidate, tried: Sequence[Candidate]) -> Lineage | None:
        """The best candidate of a structure that was not tuned yet; the incumbent's own has its population."""
        self._explored.add(self._read(incumbent.source).structure)
        for one in tried:
            structure = self._read(one.source).structure
            if structure not in self._explored:
                self._explored.add(structure)
                if len(self._space(one.source)):  # else there is nothing to tune
                    return self._lineage(one)
        return None

    def _planned(self, current: Round) -> Plan:
        rng = np.random.default_rng(current.seed)
        program, space = self._read(current.best.source), self._space(current.best.source)
        focus = Focus(current.task.instruction, tuple(RECIPES))
        if not len(space):
            return self._leaps(current, space, rng, self._new_structures(program, rng, focus))
        if focus.recipes and not self._cooked:
            self._cooked = True
            return self._leaps(current, space, rng, self._new_structures(program, rng, focus))
        if self._chooses:
            plan = Plan(current.number, "choose", [(one, f"choose: {note}") for one, note in choices(program)])
            plan.sources = plan.sources[: current.breadth]
            if plan.sources:
                return plan
            self._chooses = False
        here, opening = space.vector(program), self._opening
        if self._loss is not None and opening is None:
            opening = self._opening = Opening(
                focus, space, here, current.best.image, self._loss, is_confined=self._is_confined
            )
        screens = opening is not None and not opening.is_done and space is opening.space
        if opening is not None and screens and (current.kind == "tweak" or self._goes_well()):
            return of_points(current, "screen", space, here, opening.ask(here, current.breadth))
        if self._growth is not None:
            return self._grow(current, program, space)
        if current.kind == "leap" and self._waited >= self._wait and not self._goes_well():
            self._waited = 0
            return self._leaps(current, space, rng, self._new_structures(program, rng, focus))
        self._waited += current.kind == "leap"
        if self._loss is None:
            return self._evolve(current, space)
        if self._main is None:
            self._main = self._lineage(current.best)
        slow = self._main.descent.stalled >= PATIENCE or self._main.rounds >= GROWN_AFTER
        if slow and self._begin_growth(current, space):
            return self._grow(current, program, space)
        if self._main.descent.stalled < PATIENCE:
            return self._steps(current, "steps", self._main, rng)
        if self._explorer is not None and len(self._explorer.space):
            return self._steps(current, "explore", self._explorer, rng)
        if self._left == 0:
            self._looks += 1
            known = self._new_structures(program, rng, focus) if self._looks % BREED_EVERY else []
            if known:
                return self._leaps(current, space, rng, known)
            self._left = TURN
            # an incumbent of another descent may be a deep minimum far from the first program, and all its kin
            if program.structure in self._fruitful:
                self._population(current).add(self._main.here, self._loss.residuals(current.best.image))
        self._left -= 1
        return of_points(current, "breed", space, here, self._population(current).ask(current.breadth))

    def _begin_growth(self, current: Round, space: Space) -> bool:
        """Begin with a count of the incumbent that changes the picture and was not grown yet."""
        assert self._main is not None
        structure = space.program.structure
        for axis in np.flatnonzero((space.least_steps > 0.0) & self._main.descent.alive):
            if (structure, int(axis)) not in self._grew:
                self._grew.add((structure, int(axis)))
                self._growth = Growth(space, int(axis), self._measure().fine, self._main.here, current.seed)
                if not self._growth.is_done:
                    return True
        self._growth = None
        return False

    def _grow(self, current: Round, program: Program, space: Space) -> Plan:
        assert self._growth is not None
        return of_points(current, "grow", space, space.vector(program), self._growth.ask(current.breadth))

    def _grown(self, current: Round, plan: Plan, tried: Sequence[Candidate], best: Candidate) -> bool:
        """Learn from a round of growth; whether it is at its end. The best row is then tuned by steps of its own."""
        assert self._growth is not None
        images = {one.source: one.image for one in (current.best, *tried)}
        self._growth.tell(
            [
                (point, self._measure().residuals(images[source]))
                for (source, _), point in zip(plan.sources, plan.in_order, strict=True)
                if source in images
            ]
        )
        rows = [one for one in tried if one.source in plan.points]
        self._row = min(rows if self._row is None else [self._row, *rows], key=loss_of, default=None)
        if not self._growth.is_done:
            return False
        if self._row is not None and self._row.source != best.source:
            self._explorer = self._lineage(self._row)
        self._growth = self._row = None
        return True

    def _goes_well(self) -> bool:
        """Whether steps bring the loss down at present: a leap can wait."""
        return self._main is not None and self._main.rounds < EXPLORED and self._main.descent.stalled == 0

    def _read(self, source: str) -> Program:
        return Program(source, self._vocabulary)

    def _space(self, source: str) -> Space:
        program = self._read(source)
        if program.structure not in self._spaces:
            self._spaces[program.structure] = Space(program, self._bounds)
        return self._spaces[program.structure]

    def _measure(self) -> PictureLoss:
        """What steps go by."""
        assert self._loss is not None
        return self._loss

    def _lineage(self, start: Candidate) -> Lineage:
        space = self._space(start.source)
        return Lineage(space, Descent(space.least_steps, self._measure().fine), start)

    def _follow(self, best: Candidate) -> None:
        """The incumbent has changed, whatever changed it: steps continue from there."""
        if self._main is not None and self._space(best.source) is self._main.space:
            near = np.abs(self._main.space.vector(self._read(best.source)) - self._main.here).max(initial=0.0) < 0.1
            self._main.best = best
            if near:
                if self._main.descent.stalled >= PATIENCE:
                    self._main.descent.revive()
                return
        self._main = self._lineage(best)

    def _is_hopeless(self, explorer: Lineage, best: Candidate) -> bool:
        if explorer.descent.stalled >= PATIENCE or explorer.rounds >= EXPLORED:
            return True
        probing = -(-len(explorer.space) // 8)
        return explorer.rounds >= probing + 3 and loss_of(explorer.best) > HOPELESS * loss_of(best)

    def _steps(self, current: Round, origin: str, lineage: Lineage, rng: np.random.Generator) -> Plan:
        here = lineage.here
        points = lineage.descent.ask(here, self._measure().residuals(lineage.best.image), current.breadth, rng)
        lineage.rounds += 1
        return of_points(current, origin, lineage.space, here, points)

    def _population(self, current: Round) -> Population:
        structure = self._read(current.best.source).structure
        if structure not in self._populations:
            self._populations[structure] = Population(self._spaces[structure], self._measure().fine, current.seed)
        return self._populations[structure]

    def _bred(self, current: Round, plan: Plan, tried: Sequence[Candidate]) -> None:
        images = {one.source: one.image for one in (current.best, *tried)}
        self._population(current).tell(
            [
                (point, self._measure().residuals(images[source]))
                for (source, _), point in zip(plan.sources, plan.in_order, strict=True)
                if source in images
            ]
        )

    def _evolve(self, current: Round, space: Space) -> Plan:
        here = space.vector(self._read(current.best.source))
        evolution = self._evolution
        if evolution is None or evolution.size != len(here) or evolution.converged:
            spread = SPREADS[self._evolutions % len(SPREADS)]
            evolution = self._evolution = Evolution(here, spread, current.breadth, current.seed)
            self._evolutions += 1
        return of_points(current, "evolve", space, here, evolution.ask(current.breadth))

    def _evolved(self, plan: Plan, tried: Sequence[Candidate]) -> None:
        assert self._evolution is not None
        self._evolution.tell(
            [
                (plan.points[one.source], float(place if one.loss is None else one.loss))
                for place, one in enumerate(tried)
                if one.source in plan.points
            ]
        )

    def _leaps(self, current: Round, space: Space, rng: np.random.Generator, known: list[tuple[str, str, str]]) -> Plan:
        """Some of the `known` changes of structure, and numbers drawn anew for what is left of the round."""
        plan = Plan(current.number, "leap")
        # where numbers can be drawn anew as well, both have a half
        most = current.breadth if not len(space) else -(-current.breadth // 2)
        for key, source, note in sorted(known, key=lambda leap: self._tried_leaps[leap[0]])[:most]:
            self._tried_leaps[key] += 1
            plan.sources.append((source, f"leap: {note}"))
        if not len(space):
            return plan
        here = space.vector(self._read(current.best.source))
        for point in self._elsewhere(here, space, current.breadth - len(plan.sources), rng):
            source = space.source(point)
            plan.sources.append((source, f"leap: {moved(space, here, point)}"))
            plan.points[source] = point
        return plan

    def _new_structures(self, program: Program, rng: np.random.Generator, focus: Focus) -> list[tuple[str, str, str]]:
        """Structure, source and note of the leaps that were neither tuned nor tried too often yet."""
        if not self._may_leap:
            return []
        recipes = focus.recipes or (PATTERNED_FIRST if is_about_materials(program) else ())
        known = [(self._read(source).structure, source, note) for source, note in leaps(program, rng, recipes)]
        return [leap for leap in known if leap[0] not in self._explored and self._tried_leaps[leap[0]] < TRIES]

    def _elsewhere(self, here: np.ndarray, space: Space, count: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Points far away: in turn, values all along one axis, counts first, and several numbers drawn anew."""
        self._turns += 1
        if self._turns % 2 == 0:
            return [drawn_anew(here, space, rng) for _ in range(count)]
        if not self._axes or self._swept is not space:
            order = rng.permutation(len(here))
            self._axes = sorted((int(axis) for axis in order), key=lambda axis: space.least_steps[axis] > 0.0)
            self._swept = space
        axis = self._axes.pop()
        return swept(here, axis, float(space.least_steps[axis]), count, rng)
