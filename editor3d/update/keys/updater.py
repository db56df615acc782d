"""The update by keys: edit a few views, make them agree, carry their edit over to all, and repair once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from editor3d.geometry.coverage import Keys
from editor3d.plan import KeyPlan
from editor3d.run.stopping import ApprovalAwaited, StepInterrupted
from editor3d.types import EditedKey, EditorInfo, EditRequest, Reference, View
from editor3d.update.engine import DatasetUpdater, Guidance
from editor3d.update.forecast import Forecast, forecast, reserve_of
from editor3d.update.keys.approval import Approval, read_approval
from editor3d.update.keys.checks import Scores, scores_of, wrong_with
from editor3d.update.keys.colors import blurred, fit_map
from editor3d.update.keys.registration import registered
from editor3d.update.keys.state import AcceptedKey, KeyState, read_keys, write_keys
from editor3d.update.keys.targets import TargetStore
from editor3d.update.keys.warped import WarpPropagator
from editor3d.update.schedule import LATER_LEVEL, TIMESTEPS, PlannedEdit

DOUBTED = 0.3
"""How much an edit counts that is blurred or of another kind, where it cannot be repeated."""
LOOKS = (1 / 3, 2 / 3)
"""Shares of the steps after which an edit that changes the shape is carried over anew, by the scene's shape then."""
REPAIR = 0.5
"""Share of the steps after which the keys that agree least are edited again, where edits are left."""
TARGETS = "targets"
_PRIOR = 0.05
"""Weight of what the colour map of the other keys says of a key, beside what is seen in them."""


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

    The anchor, which shows most, is edited first. Each further key is edited with what is known of it (references, or a
    start for editors that look at a render), brought to the others' look by a smooth map of colours, and checked;
    where it did not come out well it is edited again as long as edits are left, else it counts for less.
    """

    FEW: ClassVar[bool] = True

    def __init__(self, *args: Any, parts: KeyParts, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parts, self.key_state = parts, KeyState()
        self.targets = TargetStore(parts.run / TARGETS)
        self._keys: Keys | None = None
        self._looked = False
        """Whether the scene has not been trained since its geometry was taken."""
        self._made: dict[tuple[int, int], EditedKey] = {}
        self._known: tuple[int, Tensor, Tensor] | None = None
        """What is known of the view that is edited: its index, a picture [H, W, 3] and weights [H, W]."""

    @property
    def info(self) -> EditorInfo:
        return self.editor.info

    @property
    def keys(self) -> Keys:
        """The keys, chosen once in a run."""
        if self._keys is None:
            self._keys = read_keys(self.parts.run, len(self.scene.views))
        if self._keys is None:
            plan = self.parts.plan
            reserve = reserve_of(plan.edits, self.info)
            self._look()
            self._keys = self.parts.choose(plan.share, max(1, plan.edits - reserve))
            write_keys(self.parts.run, self._keys)
        return self._keys

    @property
    def reserve(self) -> int:
        """Edits that are kept back to repeat others."""
        plan = self.parts.plan
        return min(reserve_of(plan.edits, self.info), max(0, plan.edits - len(self.keys.order)))

    def forecast(self) -> Forecast:
        """What the edit will take."""
        names = tuple(self.scene.views[view].name for view in self.keys.order)
        covered, views = self.keys.covered[-1], len(self.scene.views)
        return forecast(names, covered, views, self.reserve, self.info)

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
                self._look_again(step)
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
        return {"keys": {"covered": self.keys.covered[-1], "accepted": found, "rounds": self.key_state.round}}

    # Keys

    def _look(self) -> None:
        """Take the scene's geometry as it is now, unless that was done since the last step."""
        if not self._looked:
            self.parts.propagator.look(self.info.keeps_shape)
            self._looked = True

    def _edit_keys(self, step: int) -> None:
        """Edit all keys, and carry them over."""
        self._look()
        approval = read_approval(self.parts.run) if self.parts.plan.approve else Approval(accepted=True)
        left = len(self.keys.order)
        self._made.clear()
        self.key_state.first = len(self.state.edits)
        for done, view in enumerate(self.keys.order):
            if done and self.should_stop():
                raise StepInterrupted
            left -= 1
            self._edit_key(step, view, left, approval.seeds if done == 0 else ())
            self.on_progress(done + 1, len(self.keys.order))
            if done == 0 and not approval.accepted:
                name = self.scene.views[view].name
                raise ApprovalAwaited(self.pictures.path(name, len(self.state.edits)))
        self._carry()

    def _edit_key(self, step: int, view: int, left: int, seeds: tuple[int, ...]) -> None:
        """Edit a key until its edit is right, or no edits are left for that.

        Args:
            left: keys that are still to be edited after this one.
            seeds: by which it is to be edited again in any case.
        """
        anchor = self.key_state.accepted[0] if self.key_state.accepted and self.info.alike_by_seed else None
        self._edit_once(step, view, None if anchor is None else self.state.edits[anchor.revision - 1].seed)
        for seed in seeds:
            self._edit_once(step, view, seed)
        tries = [self._judged(view)]
        while tries[-1].wrong and self._spare(left) > 0 and self.info.varies_with_seed:
            if self.should_stop():
                raise StepInterrupted
            self._edit_once(step, view)
            tries.append(self._judged(view))
        best = tries[-1] if not tries[-1].wrong else max(tries, key=lambda key: (key.trust, key.change))
        self.state.revisions[self.scene.views[view].name] = best.revision
        self.key_state.accepted.append(best)

    def _spare(self, left: int) -> int:
        """Edits that are left to repeat others, while some keys are still to be edited."""
        again = len(read_approval(self.parts.run).seeds) if self.parts.plan.approve else 0
        last = self.key_state.first + len(self.keys.order) + self.reserve + again
        return last - len(self.state.edits) - left

    def _edit_once(self, step: int, view: int, seed: int | None = None) -> None:
        """Edit a view by a new seed."""
        original = self.scene.condition(view).cpu()
        accepted = self._accepted(but=view)
        found = self.parts.propagator.warped(view, original, accepted) if accepted else None
        share = 0.0
        if found is not None:
            self._known = view, found.picture, found.weight
            inside = self._inside(view)
            seen = (found.weight > 0.05).float()
            share = float(seen.mean() if inside is None else seen[inside].mean())
        schedule = self.schedule
        level = schedule.upper_bound - share * max(0.0, schedule.upper_bound - LATER_LEVEL)
        level = round(max(level, schedule.lower_bound) * TIMESTEPS) / TIMESTEPS
        drawn = int(torch.randint(2**31, (1,), generator=self.state.generator))
        self._apply(step, PlannedEdit(view, level, drawn if seed is None else seed))
        self._known = None

    def _request(self, view: View, planned: PlannedEdit, mask: Tensor | None) -> EditRequest:
        request = super()._request(view, planned, mask)
        if self._known is None or self._known[0] != planned.view:
            return request
        _, picture, weight = self._known
        seen = weight > 0.02
        if self.info.references > 0:
            anchor = self.key_state.accepted[0]
            shown = self._edited(anchor).edited
            references = (Reference(shown, "anchor"), Reference(picture.clamp(0, 1), "warped", seen))
            request = replace(request, references=references[: self.info.references])
        if request.render is not None:
            soft = (weight / 0.05).clamp(max=1.0)[..., None]
            request = replace(request, render=torch.lerp(request.render.cpu(), picture.clamp(0, 1), soft))
        return request

    def _inside(self, view: int) -> Tensor | None:
        """Where an edit of a view changes it: [H, W] bool; None is everywhere."""
        mask = self.scene.mask(view)
        return self.scene.changing(view) if mask is None else mask

    def _judged(self, view: int) -> AcceptedKey:
        """The newest edit of a view, judged beside the accepted ones."""
        edit = self.state.edits[-1]
        key = AcceptedKey(view, len(self.state.edits), 1.0, edit.change or 0.0, 1.0, None)
        if self.info.effortless:
            return key
        accepted = self._accepted(but=view)
        original, inside = self.scene.condition(view).cpu(), self._inside(view)
        edited = self._edited(key).edited
        found = self.parts.propagator.warped(view, original, accepted) if accepted else None
        made = self.pictures.read(self.scene.views[view].name, key.revision).float() / 255.0
        # brought to the others' look, even a picture that came back unchanged would look edited
        own = scores_of(made, original, inside, None, None)
        agreeing = scores_of(edited, original, inside, found and found.picture, found and found.weight)
        scores = Scores(own.change, own.detail, agreeing.disagreement)
        first = self.key_state.accepted[0] if self.key_state.accepted else None
        if first is not None and first.view == view:
            first = None
        wrong = wrong_with(scores, None if first is None else Scores(first.change, first.detail, None))
        trust = 1.0 if not wrong or first is None else 0.0 if wrong.startswith("nothing") else DOUBTED
        return AcceptedKey(view, key.revision, trust, scores.change, scores.detail, scores.disagreement, wrong)

    def _accepted(self, but: int | None = None) -> list[EditedKey]:
        """The keys that count, brought to one look, but for a view's own."""
        return [self._edited(key) for key in self.key_state.accepted if key.trust > 0 and key.view != but]

    def _edited(self, key: AcceptedKey) -> EditedKey:
        """A key as it is carried over: moved back to its own shape where an edit keeps that, and brought to the look of
        those before it."""
        kept = self._made.get((key.view, key.revision))
        if kept is None:
            kept = self._made[key.view, key.revision] = self._agreeing(key)
        return replace(kept, trust=key.trust)

    def _agreeing(self, key: AcceptedKey) -> EditedKey:
        name = self.scene.views[key.view].name
        original, inside = self.scene.condition(key.view).cpu(), self._inside(key.view)
        edited = self.pictures.read(name, key.revision).float() / 255.0
        if not self.info.effortless:
            if self.info.keeps_shape:
                edited = registered(edited, original)
            before = []
            for other in self.key_state.accepted:
                if other.view == key.view:
                    break
                before.append(other)
            accepted = [self._edited(other) for other in before if other.trust > 0]
            if accepted:
                edited = self._harmonised(key.view, edited, original, inside, accepted)
        if inside is not None:
            edited = torch.where(inside[..., None], edited, original)
        return EditedKey(key.view, original, edited, inside, key.trust)

    def _harmonised(
        self, view: int, edited: Tensor, original: Tensor, inside: Tensor | None, accepted: list[EditedKey]
    ) -> Tensor:
        """An edited picture in the colours of accepted keys."""
        propagator = self.parts.propagator
        found = propagator.warped(view, original, accepted)
        known = (found.weight / (found.weight + 0.05)) if inside is None else found.weight * inside
        sigma = max(1.0, min(edited.shape[:2]) / 100)
        soft = blurred(edited, sigma)
        sources, wanted, weights = (
            [soft],
            [blurred(torch.where(known[..., None] > 0, found.picture, edited), sigma)],
            [known],
        )
        if self.info.keeps_shape:
            guess = propagator.guess(accepted)(original)
            sources.append(soft)
            wanted.append(blurred(guess, sigma))
            weights.append(torch.full_like(known, _PRIOR) if inside is None else _PRIOR * inside.float())
        return fit_map(sources, wanted, weights, degree=1)(edited)

    # All views

    def _carry(self) -> None:
        """Give every view its picture and its weights."""
        keys = self._accepted()
        own = {key.view: key for key in keys}
        self.key_state.round += 1
        for index, view in enumerate(self.scene.views):
            original = self.scene.condition(index).cpu()
            if index in own and own[index].trust >= 1.0:
                picture, weight = own[index].edited, torch.ones(original.shape[:2])
            else:
                carried = self.parts.propagator.carry(index, original, keys, self._inside(index))
                picture, weight = carried.picture, carried.weight
            rounded = (picture.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
            amount = (weight.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
            self.targets.write(view.name, self.key_state.round, rounded, amount)
            self.scene.store(index, rounded)
            self.scene.weigh(index, amount.float() / 255.0)

    def _later_steps(self) -> list[int]:
        """Steps before which keys are repaired, or carried over anew."""
        if self.info.keeps_shape:
            return [round(REPAIR * self.total_steps)] if self._may_repair() else []
        return [round(share * self.total_steps) for share in LOOKS]

    def _may_repair(self) -> bool:
        return not self.key_state.repaired and self.info.varies_with_seed and self._spare(0) > 0

    def _look_again(self, step: int) -> None:
        """Edit the keys again that agree least with the scene, and carry all over by its shape as it is now."""
        self._look()
        self._made.clear()
        if self._may_repair():
            self._repair(step)
            self.key_state.repaired = True
        self._carry()

    def _repair(self, step: int) -> None:
        apart = []
        for place, key in enumerate(self.key_state.accepted[1:], start=1):
            with self.stopwatch.measure("render"), torch.no_grad():
                render = self.scene.render(key.view).cpu()
            off = blurred(render - self._edited(key).edited, 2.0).square().mean().item()
            apart.append((off if key.trust >= 1.0 else 1.0 + off, place))
        for _, place in sorted(apart, reverse=True)[: self._spare(0)]:
            if self.should_stop():
                raise StepInterrupted
            key = self.key_state.accepted[place]
            self._edit_once(step, key.view)
            newer = self._judged(key.view)
            worse = newer.trust < key.trust or (newer.disagreement or 0.0) > (key.disagreement or 0.0)
            chosen = key if worse and newer.trust <= key.trust else newer
            self.state.revisions[self.scene.views[key.view].name] = chosen.revision
            self.key_state.accepted[place] = chosen
