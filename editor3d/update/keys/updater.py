"""The update by keys: edit a few views, make them agree, and carry their edit over to all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from editor3d.geometry.coverage import Keys
from editor3d.plan import KeyPlan
from editor3d.run.stopping import ApprovalAwaited, StepInterrupted
from editor3d.types import EditedKey, EditorInfo, EditRequest, Reference, View
from editor3d.update.batches import edit_together
from editor3d.update.engine import DatasetUpdater, rounded
from editor3d.update.forecast import Forecast, forecast
from editor3d.update.keys.agreeing import AgreeingKeys
from editor3d.update.keys.approval import Approval, read_approval, wait_for_decision
from editor3d.update.keys.budget import Budget
from editor3d.update.keys.judging import judged
from editor3d.update.keys.state import AcceptedKey, KeyState, read_keys, write_keys
from editor3d.update.keys.targets import TargetStore
from editor3d.update.keys.warped import Warped, WarpPropagator
from editor3d.update.scene import Guidance
from editor3d.update.schedule import LATER_LEVEL, TIMESTEPS, PlannedEdit

BARE = 0.008
"""Mean change of colours below which an anchor's edit is nothing."""
LOOKS = (1 / 3, 2 / 3)
"""Shares of the steps after which an edit that changes the shape is carried over anew, by the scene's shape then."""
TARGETS = "targets"


@dataclass(frozen=True, eq=False)
class KeyParts:
    """What an update by keys needs besides."""

    plan: KeyPlan
    run: Path
    """The run's folder, where keys, targets and the decision about the anchor are kept."""
    propagator: WarpPropagator
    choose: Callable[[float, int], Keys]
    """The keys that cover a share of what all views show, at most so many."""


class KeyUpdater(DatasetUpdater):
    """Edits a few key views before the first step, and trains all others on what these say of them.

    The anchor, which shows most, is edited first and alone. The further keys are edited with what is known of them
    (references, or a start for editors that look at a render), as many in one call as the editor takes, brought to the
    others' look by a smooth map of colours, and judged by each other. One that did not come out well is edited again,
    in the place of the last keys, which show least; where nothing is left for that it is left out, or counts for less.
    """

    FEW: ClassVar[bool] = True

    def __init__(self, *args: Any, parts: KeyParts, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parts, self.key_state = parts, KeyState()
        self.targets = TargetStore(parts.run / TARGETS)
        self.agreeing = AgreeingKeys(self.scene, self.pictures, parts.propagator, lambda: self.info)
        self._keys: Keys | None = None
        self._looked = False
        """Whether the scene has not been trained since its geometry was taken."""
        self._known: dict[int, Warped] = {}
        """What is known of the views that are being edited, by their index."""

    @property
    def info(self) -> EditorInfo:
        return self.editor.info

    @property
    def keys(self) -> Keys:
        """The keys, chosen once in a run."""
        if self._keys is None:
            self._keys = read_keys(self.parts.run, len(self.scene.views))
        if self._keys is None:
            self._look()
            self._keys = self.parts.choose(self.parts.plan.share, self.parts.plan.edits)
            write_keys(self.parts.run, self._keys)
        return self._keys

    def forecast(self) -> Forecast:
        """What the edit will take."""
        names = tuple(self.scene.views[view].name for view in self.keys.order)
        budget, of = self._budget, len(self.scene.views)
        calls = budget.calls, budget.most_calls
        return forecast(names, self.keys.covered[-1], of, budget.further, self.info, self.pace.seconds, *calls)

    @property
    def _budget(self) -> Budget:
        return Budget(self.parts.plan.edits, len(self.keys.order), self.info)

    def before_step(self, step: int) -> int:
        """See `DatasetUpdater.before_step`.

        Raises:
            ApprovalAwaited: the anchor is edited, and is to be looked at.
        """
        before, keys = self.state.state_dict(), self.key_state.to_state()
        count = len(self.state.edits)
        try:
            if self.key_state.round == 0:
                self._edit_keys(step)
            elif step in self._later_steps():
                self._look()
                self.agreeing.clear()
                self._carry()
        except ApprovalAwaited:
            raise
        except StepInterrupted:
            self.state.load_state_dict(before)
            self.key_state = KeyState.from_state(keys)
            raise
        self._looked = False
        return len(self.state.edits) - count

    def restart(self, guidance: Guidance) -> None:
        super().restart(guidance)
        self.key_state = KeyState(round=0)

    def reset(self) -> None:
        super().reset()
        for index, view in enumerate(self.scene.views):
            self.scene.weigh(index, torch.ones(view.height, view.width))
        self.key_state = KeyState(round=0)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "keys": self.key_state.to_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.key_state = KeyState.from_state(state["keys"])
        super().load_state_dict(state)

    def restore(self) -> None:
        """Put the pictures that all views are trained on back, with their weights."""
        if self.key_state.round == 0:
            super().restore()
            return
        for index, view in enumerate(self.scene.views):
            picture, weight = self.targets.read(view.name, self.key_state.round)
            self.scene.store(index, picture)
            self.scene.weigh(index, weight.float() / 255.0)

    def prune(self) -> None:
        super().prune()
        self.targets.prune(self.key_state.round)

    def noted(self) -> dict[str, Any]:
        """What became of the keys, for the record."""
        names = [view.name for view in self.scene.views]
        found = [{**vars(key), "view": names[key.view]} for key in self.key_state.accepted]
        noted = {"covered": self.keys.covered[-1], "accepted": found, "rounds": self.key_state.round}
        return {"keys": noted | {"calls": self.state.calls}}

    # Keys

    def _look(self) -> None:
        """Take the scene's geometry as it is now, unless that was done since the last step."""
        if not self._looked:
            self.parts.propagator.look(self.info.keeps_shape, fitted=self.key_state.round > 0)
            self._looked = True

    def _edit_keys(self, step: int) -> None:
        """Edit all keys, and carry them over."""
        self._look()
        self.agreeing.clear()
        state = self.key_state
        state.first, state.first_call = len(self.state.edits), self.state.calls
        self._edit_anchor(step)
        self._edit_further(step, self._budget.reserve)
        self._judge()
        self._repeat(step)
        self._edit_further(step, 0)
        self._judge()
        self._carry()

    def _edit_anchor(self, step: int) -> None:
        state, view = self.key_state, self.keys.anchor
        approval = read_approval(self.parts.run) if self.parts.plan.approve else Approval(accepted=True)
        state.again, state.tried = len(approval.seeds), 1
        made = self._edit_once(step, [view])
        for seed in approval.seeds:
            made = self._edit_once(step, [view], seed)
        while made and not approval.seeds and self._change(made[-1][1]) < BARE and self._repeats_left() > 0:
            state.repeated += 1
            made = self._edit_once(step, [view])
        self._accept(made)
        self.on_progress(1, len(self.keys.order))
        if not approval.accepted:
            wait_for_decision(self.parts.run)
            raise ApprovalAwaited(self.pictures.path(self.scene.views[view].name, len(self.state.edits)))

    def _edit_further(self, step: int, keep: int) -> None:
        """Edit the next keys, as many in one call as the editor takes, while more than `keep` 2D edits are left."""
        state, order, budget = self.key_state, self.keys.order, self._budget
        while (left := budget.left(state, len(self.state.edits)) - keep) > 0:
            group = order[state.tried : state.tried + min(self.info.batch, left)]
            if not group:
                return
            self._continue()
            state.tried += len(group)
            self._accept(self._edit_once(step, group, self._anchor_seed()))
            self.on_progress(state.tried, len(order))
            if self.info.references or self.info.uses_render:  # the next ones are shown what is known
                self._judge()

    def _repeat(self, step: int) -> None:
        """Edit keys again that did not come out well, the worst first, and keep the better edit of each."""
        state = self.key_state
        while self._repeats_left() > 0:
            doubted = [(key.doubt, -place) for place, key in enumerate(state.accepted) if key.wrong]
            if not doubted:
                return
            self._continue()
            place = -max(doubted)[1]
            before = state.accepted[place]
            state.repeated += 1
            for view, revision in self._edit_once(step, [before.view]):
                state.accepted[place] = AcceptedKey(view, revision, 1.0, self._change(revision))
                self._judge()
                if state.accepted[place].doubt > before.doubt:
                    state.accepted[place] = before
                    self._judge()
                self.agreeing.clear()
                self.state.revisions[self.scene.views[view].name] = state.accepted[place].revision

    def _continue(self) -> None:
        """Continue with the next edit, unless a stop was requested."""
        if self.should_stop():
            raise StepInterrupted

    def _accept(self, made: Sequence[tuple[int, int]]) -> None:
        """Accept edits of views, until they are judged."""
        self.key_state.accepted += [AcceptedKey(view, revision, 1.0, self._change(revision)) for view, revision in made]

    def _change(self, revision: int) -> float:
        return self.state.edits[revision - 1].change or 0.0

    def _anchor_seed(self) -> int | None:
        """The seed that makes an edit alike the anchor's, where the editor is so."""
        accepted = self.key_state.accepted
        return self.state.edits[accepted[0].revision - 1].seed if accepted and self.info.alike_by_seed else None

    def _judge(self) -> None:
        """Judge all keys by each other."""
        if self.info.effortless:
            return
        state, propagator = self.key_state, self.parts.propagator
        how = self.info.keeps_shape, self.parts.plan.approve
        found = judged(state.accepted, self.scene, self.agreeing, propagator.surface, *how)
        if [key.trust for key in found] != [key.trust for key in state.accepted]:
            self.agreeing.clear()
        state.accepted = found

    def _repeats_left(self) -> int:
        """2D edits that may still repeat others."""
        return self._budget.repeats_left(self.key_state, len(self.state.edits))

    def _edit_once(self, step: int, views: Sequence[int], seed: int | None = None) -> list[tuple[int, int]]:
        """Edit views by one seed, a new one by default, in one call where they are several.

        Returns:
            The views that were edited, and the revisions of their pictures. A view is left out that may change
            nowhere, or whose picture did not come back well while no call is left to edit it alone.
        """
        views = [view for view in views if (mask := self.scene.mask(view)) is None or bool(mask.any())]
        self._known, shares, info = {}, [], self.info
        shown = info.references > 0 or info.uses_render or info.uses_noise_level
        for view in views if shown else ():
            original, accepted = self.scene.condition(view).cpu(), self.agreeing.counting(self.key_state.accepted, view)
            if not accepted:
                continue
            found = self._known[view] = self.parts.propagator.warped(view, original, accepted)
            inside, seen = self.scene.inside(view), (found.weight > 0.05).float()
            shares.append(float(seen.mean() if inside is None else seen[inside].mean()))
        schedule, share = self.schedule, sum(shares) / max(1, len(shares))
        level = schedule.upper_bound - share * max(0.0, schedule.upper_bound - LATER_LEVEL)
        level = round(max(level, schedule.lower_bound) * TIMESTEPS) / TIMESTEPS
        drawn = int(torch.randint(2**31, (1,), generator=self.state.generator))
        planned = [PlannedEdit(view, level, drawn if seed is None else seed) for view in views]
        before = len(self.state.edits)
        if len(planned) > 1:
            left = edit_together(self, step, planned)
            planned = left[: self._budget.single_calls_left(self.key_state, before, self.state.calls, len(views))]
        for edit in planned:
            self._apply(step, edit)
        self._known = {}
        index_of = {self.scene.views[view].name: view for view in views}
        made = enumerate(self.state.edits[before:], start=before + 1)
        return [(index_of[edit.view], revision) for revision, edit in made]

    def request_of(self, view: View, planned: PlannedEdit, mask: Tensor | None) -> EditRequest:
        request, known = super().request_of(view, planned, mask), self._known.get(planned.view)
        if known is None:
            return request
        if self.info.references > 0:
            anchor = self.agreeing.counting(self.key_state.accepted)[0]
            warped = Reference(known.picture.clamp(0, 1), "warped", known.weight > 0.02)
            request = replace(request, references=(Reference(anchor.edited, "anchor"), warped)[: self.info.references])
        if request.render is not None:
            soft = (known.weight / 0.05).clamp(max=1.0)[..., None]
            request = replace(request, render=torch.lerp(request.render.cpu(), known.picture.clamp(0, 1), soft))
        return request

    # All views

    def _carry(self) -> None:
        """Give every view its picture and its weights."""
        keys = self.agreeing.counting(self.key_state.accepted)
        own = {key.view: key for key in keys}
        before, self.key_state.round = self.key_state.round, self.key_state.round + 1
        for index, view in enumerate(self.scene.views):
            original = self.scene.condition(index).cpu()
            if index in own and own[index].trust >= 1.0:
                picture, weight = own[index].edited, torch.ones(original.shape[:2])
            else:
                carried = self.parts.propagator.carry(index, original, keys, self._may_change(index, keys, before))
                picture, weight = carried.picture, carried.weight
            picture, amount = rounded(picture), rounded(weight)
            self.targets.write(view.name, self.key_state.round, picture, amount)
            self.scene.store(index, picture)
            self.scene.weigh(index, amount.float() / 255.0)

    def _may_change(self, view: int, keys: list[EditedKey], round_: int) -> Tensor | None:
        """Where a view may show another thing than before the edit, which was carried over so often: [H, W] bool; None
        is everywhere."""
        inside = self.scene.inside(view)
        if self.info.keeps_shape:
            return inside
        if round_ > 0:  # the scene as it was is gone; what was found of it is kept in the weights
            return self.targets.read(self.scene.views[view].name, round_)[1] < 255
        same = self.parts.propagator.unchanged(view, self.scene.condition(view).cpu(), keys)
        if same is None:
            return inside
        return ~same if inside is None else inside & ~same

    def _later_steps(self) -> list[int]:
        """Steps before which all is carried over anew."""
        return [] if self.info.keeps_shape else [round(share * self.total_steps) for share in LOOKS]
