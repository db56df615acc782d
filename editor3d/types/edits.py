"""The requests and results of 2D editors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:  # shapes are checked where tests run: tests/conftest.py
    from jaxtyping import Bool, Float
    from torch import Tensor

    from editor3d.types.geometry import ViewGeometry

GUIDANCE_SCALE, DIFFUSION_STEPS = 7.5, 20
"""InstructPix2Pix's usual (text) guidance scale and number of denoising steps."""
Condition = Literal["auto", "original", "base", "detailed"]
"""The picture that an edit changes: the original photograph, a render of the base, that render with the photograph's
detail, or whichever suits the edit."""

Origin = Literal["model", "rule", "given"]
"""What an editor's pictures come from: a trained model, a rule that is written down, or somebody who gave them."""


@dataclass(frozen=True)
class EditorInfo:
    """What an editor can do and needs, as data: the engine decides by these fields, never by class."""

    name: str
    summary: str
    license: str
    needs_weights: bool = False
    uses_render: bool = False
    """The result depends on the scene's current render; otherwise the engine does not render before an edit."""
    uses_noise_level: bool = False
    """The result depends on `EditRequest.noise_level`."""
    varies_with_seed: bool = False
    """Two calls with different seeds differ; otherwise one edit of a view is final."""
    alike_by_seed: bool = False
    """Edits of two views by one seed look more alike than by two, as they begin with the same noise."""
    edits_objects: bool = False
    """Understands an instruction about one named object (reads `EditRequest.objects`)."""
    tells_objects: bool = False
    """Can tell which objects an instruction is about (`ObjectEditor`)."""
    tells_views: bool = False
    """Can edit some views alone, and tells which (`ViewEditor`)."""
    keeps_shape: bool = False
    """Changes colours alone: what it edits has the shape that it had."""
    multiple_of: int = 1
    """Sides the model works at are multiples of this; the editor itself pads and crops."""
    max_side: int | None = None
    """The longest side the model works at; larger pictures are scaled down and back by the editor."""
    working_side: int | None = None
    """The shorter side of the small copy that is edited, by an editor that carries the change over to the picture."""
    working_pixels: tuple[int, int] | None = None
    """The fewest and the most pixels the model works at; others are scaled to fit and back by the editor."""
    accepts_mask: bool = False
    """Keeps an edit inside `EditRequest.mask` where one is given."""
    needs_mask: bool = False
    """Edits nothing without `EditRequest.mask`, or an instruction that names one object where `edits_objects`."""
    needs_geometry: bool = False
    """Puts things into the scene: edits nothing without `EditRequest.geometry`."""
    uses_geometry: bool = False
    """Some of its edits follow the surface where `EditRequest.geometry` is given (`SurfaceEditor`); without it they are
    maps of the picture."""
    origin: Origin = "model"
    """What its pictures come from."""
    needs_garment: bool = False
    """Dresses a person: edits nothing without `EditRequest.garment`."""
    remote: bool = False
    """Sends pictures to a service over the network, which may charge for each edit."""
    price: float | None = None
    """US dollars that one request to a paid service is taken to cost, for one picture or for a batch of them."""
    tells_funds: bool = False
    """Can tell what may still be spent on it (`PaidEditor`)."""
    concurrent: int = 0
    """How many edits it makes at once in threads, as it waits for a server; 0: an edit is this process's own work."""
    effortless: bool = False
    """An edit is free and quick, and the same at every call: nothing is saved by editing few views."""
    download: str = ""
    """Size of the weights that it loads by default ("16 GB"); empty where it needs none."""
    guidance_scale: float = GUIDANCE_SCALE
    """The guidance scale its model is usually run at: the default of an edit."""
    diffusion_steps: int = DIFFUSION_STEPS
    """The number of denoising steps its model is usually run at: the default of an edit."""
    reads_sentences: bool = False
    """Follows sentences about the pictures that it is given; other editors get the bare instruction."""
    references: int = 0
    """How many further pictures it takes with one request (`EditRequest.references`); more are not sent."""
    batch: int = 1
    """How many pictures it edits alike in one call; with more than one it is a `BatchEditor`."""
    one_timestep_per_step: bool = False
    """Divides the timesteps below the noise level into `EditRequest.diffusion_steps`, and refuses fewer than those."""


@dataclass(frozen=True, eq=False)
class Garment:
    """What a person is to wear, and what is known of the person over all views."""

    picture: Float[Tensor, "h w 3"]
    """The garment alone, from the front: [H, W, 3] 0..1."""
    mask: Bool[Tensor, "h w"]
    """Where the garment is in it: [H, W] bool."""
    digest: str
    """Hex digits of the file's content: another garment is another edit."""
    turn: float | None = None
    """How far round the person the camera stands, radians: 0 in front, positive on the person's left; None where
    nobody knows."""
    worn: float | None = None
    """The luminance (linear light, 0..1) of what is worn where it is well lit, over all views."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A picture that shows how the edit is to look."""

    picture: Float[Tensor, "h w 3"]
    """[H, W, 3] 0..1."""
    kind: Literal["anchor", "warped"]
    """The first edited view as it is, seen from its own camera; or what is known of the edit, seen from the camera of
    the view that is edited."""
    mask: Bool[Tensor, "h w"] | None = None
    """Where the picture is known: [H, W] bool; None is everywhere."""


@dataclass(frozen=True, eq=False)
class EditRequest:
    """One 2D edit of one view."""

    view: str
    """The view's name (`View.name`)."""
    instruction: str
    condition: Float[Tensor, "h w 3"]
    """The picture to edit: the original photograph, or the earlier result it stands for. [H, W, 3] 0..1."""
    render: Float[Tensor, "h w 3"] | None = None
    """The scene as it is now, seen from this view. [H, W, 3] 0..1; None unless `EditorInfo.uses_render`."""
    objects: Mapping[str, Bool[Tensor, "h w"]] = field(default_factory=dict)
    """Masks [H, W] bool of the objects the data names."""
    mask: Bool[Tensor, "h w"] | None = None
    """Where the picture may change: [H, W] bool; None is everywhere. Read only by editors that accept masks."""
    geometry: ViewGeometry | None = None
    """None unless the editor needs it, or uses it for this instruction and it is known."""
    garment: Garment | None = None
    """None unless `EditorInfo.needs_garment`; `mask` then says where it is worn."""
    references: tuple[Reference, ...] = ()
    """Pictures that show how the edit is to look, the most telling first; at most `EditorInfo.references`."""
    noise_level: float = 0.98
    seed: int = 0
    guidance_scale: float = GUIDANCE_SCALE
    image_guidance_scale: float = 1.5
    diffusion_steps: int = DIFFUSION_STEPS


@runtime_checkable
class Editor(Protocol):
    """A 2D instruction editor."""

    @property
    def info(self) -> EditorInfo: ...

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """Refuse an instruction or a set of views that `edit` could not serve. Cheap: loads no weights.

        Args:
            instruction: what the user asks for.
            objects: names of the objects that the data has masks of.
            views: names of the views that will be edited.

        Raises:
            InstructionError: empty, or not understood; the text lists what is.
            EditorUnavailableError: weights, a package or pictures are missing; the text says how to get them.
        """
        ...

    def edit(self, request: EditRequest) -> Float[Tensor, "h w 3"]:
        """Edit one picture.

        Returns:
            [H, W, 3] float32 in 0..1, of the size of `request.condition`, on its device.
        """
        ...


class ObjectEditor(Editor, Protocol):
    """An editor with `EditorInfo.tells_objects`."""

    def edited_objects(self, instruction: str, objects: Collection[str]) -> tuple[str, ...]:
        """The objects that an instruction is about; everything else stays unchanged.

        Args:
            instruction: one that `validate` takes.
            objects: names of the objects that the data has masks of.

        Returns:
            Names out of `objects`; none where the whole picture is to change.
        """
        ...


class PaidEditor(Editor, Protocol):
    """An editor with `EditorInfo.tells_funds`."""

    def funds(self) -> float:
        """US dollars that may be spent on it now; infinity where nothing is paid."""
        ...


class ViewEditor(Editor, Protocol):
    """An editor with `EditorInfo.tells_views`."""

    def editable_views(self, views: Sequence[str]) -> tuple[str, ...]:
        """Those out of `views` that it can edit, in their order; at least one.

        Raises:
            EditorUnavailableError: it can edit none of them; the text says what is missing.
        """
        ...


class SurfaceEditor(Editor, Protocol):
    """An editor with `EditorInfo.uses_geometry`."""

    def follows_surface(self, instruction: str, objects: Collection[str]) -> bool:
        """Whether the edit depends on the geometry where there is one.

        Args:
            instruction: one that `validate` takes.
            objects: names of the objects that the data has masks of.
        """
        ...


@runtime_checkable
class BatchEditor(Editor, Protocol):
    """An editor with `EditorInfo.batch` above 1: it edits several pictures of a scene alike in one call."""

    def edit_many(self, requests: Sequence[EditRequest]) -> list[Float[Tensor, "h w 3"] | None]:
        """Edit several pictures of one scene in one call, which costs what one `edit` costs.

        A run that stopped between the call and the last picture's storing repeats it with all its requests: only then
        is it the same call, which a paid service's cache answers.

        Args:
            requests: 1 to `EditorInfo.batch` of them; instruction, noise level, seed, scales and steps are the same in
                all, and so are the references of kind "anchor".

        Returns:
            One picture a request, as `edit` returns it. None where the picture did not come back well (unedited,
            shifted, or mixed with its neighbour): edit it alone by `edit`, which is another call.
        """
        ...
