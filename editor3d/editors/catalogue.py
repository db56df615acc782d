"""The editors that come with the package, as data: what each can do and needs. Imports no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from editor3d.diffusion.weights import HUB_MODELS, IP2P_HUB_ID, PACKAGED
from editor3d.types import EditorInfo

SERVICE_CONCURRENCY = 4
"""Requests that a paid service is sent at once, unless EDITOR3D_SERVICE_CONCURRENCY says otherwise."""


@dataclass(frozen=True)
class EditorEntry:
    """One editor as the registry knows it, before anything of it is imported."""

    info: EditorInfo
    target: str
    """`module:callable` that returns the editor. Called with the argument as its only positional one where the spec has
    one, and with the keywords `device`, `half_precision` and `cpu_offload` where `runs_model`."""
    argument: Literal["none", "optional", "required"] = "none"
    """Whether `name:argument` may or must be given."""
    argument_help: str = ""
    """What the argument is, for listings and error texts ("a folder of pictures")."""
    runs_model: bool = False
    """Takes the device options; an editor that runs no model works wherever its pictures are."""
    hub_id: str = ""
    """The weights that it loads by default, as `org/name`."""
    own_server: bool = False
    """It speaks to a server of the user's own: nobody knows whether that runs."""
    key_variables: tuple[str, ...] = ()
    """Environment variables one of which must hold the key of the service it speaks to."""


def _model(name: str, summary: str, hub_id: str, target: str, **capabilities: Any) -> EditorEntry:
    """The entry of an editor that runs a model from the hub."""
    known = HUB_MODELS[hub_id]
    info = EditorInfo(
        name, summary, known.license, needs_weights=True, varies_with_seed=True, download=known.download, **capabilities
    )
    return EditorEntry(
        info,
        target,
        argument="optional",
        argument_help="a diffusers folder or a hub id",
        runs_model=True,
        hub_id=hub_id,
    )


def _inpainting(name: str, summary: str, hub_id: str, **capabilities: Any) -> EditorEntry:
    return _model(
        name,
        summary,
        hub_id,
        f"editor3d.editors.pipelines.inpaint:{name.replace('-', '_')}",
        uses_render=True,
        uses_noise_level=True,
        edits_objects=True,
        tells_objects=True,
        accepts_mask=True,
        needs_mask=True,
        **capabilities,
    )


def _service(name: str, summary: str, references: int, *keys: str, max_side: int = 1360) -> EditorEntry:
    """The entry of a paid service."""
    info = EditorInfo(
        name,
        summary,
        "the service's terms",
        accepts_mask=True,
        reads_sentences=True,
        references=references,
        max_side=max_side,
        remote=True,
        tells_funds=True,
        concurrent=SERVICE_CONCURRENCY,
    )
    return EditorEntry(
        info,
        f"editor3d.editors.services.editor:{name}",
        argument="optional",
        argument_help="a model, or URL#MODEL",
        key_variables=keys,
    )


_MEGAPIXEL = 1024 * 1024
_BELOW_MEGAPIXEL = 1_000_000
"""So that rounding to multiples stays below 1024 * 1024, above which the pipeline of FLUX.2 would scale again."""

_ENTRIES = (
    EditorEntry(
        EditorInfo(
            name="procedural",
            summary="Colours, materials, light, seasons, weather and styles by deterministic picture maps",
            license="Apache-2.0",
            edits_objects=True,
            tells_objects=True,
            uses_geometry=True,
            keeps_shape=True,
            effortless=True,
            origin="rule",
        ),
        "editor3d.editors.procedural.editor:ProceduralEditor",
    ),
    EditorEntry(
        EditorInfo(
            name="procedural-insert",
            summary="Puts a simple thing that words describe into a 3D region: a ball, a crate, a column, moss",
            license="Apache-2.0",
            needs_geometry=True,
            effortless=True,
            origin="rule",
        ),
        "editor3d.editors.insert.editor:ProceduralInserter",
    ),
    EditorEntry(
        EditorInfo(
            name="try-on",
            summary="Dresses a person from a garment's picture, by warping it and keeping the photograph's folds",
            license="Apache-2.0",
            origin="rule",
            edits_objects=True,
            keeps_shape=True,
            accepts_mask=True,
            needs_garment=True,
            effortless=True,
        ),
        "editor3d.editors.try_on.editor:TryOnEditor",
    ),
    _model(
        "ip2p",
        "InstructPix2Pix, the diffusion model of Instruct-NeRF2NeRF: any instruction in English",
        IP2P_HUB_ID,
        "editor3d.editors.pipelines.ip2p:InstructPix2PixEditor",
        alike_by_seed=True,
        uses_render=True,
        uses_noise_level=True,
        multiple_of=8,
        max_side=768,
        guidance_scale=7.5,
        diffusion_steps=20,
        one_timestep_per_step=True,
    ),
    EditorEntry(
        EditorInfo(
            name="tiny-ip2p",
            summary="A small InstructPix2Pix that comes with the package; knows about three hundred words",
            license="Apache-2.0",
            needs_weights=True,
            uses_render=True,
            uses_noise_level=True,
            varies_with_seed=True,
            alike_by_seed=True,
            edits_objects=True,
            tells_objects=True,
            keeps_shape=True,  # it was trained on changes of colour alone
            multiple_of=8,
            max_side=128,
            working_side=64,
            guidance_scale=7.5,
            diffusion_steps=20,
            one_timestep_per_step=True,
        ),
        "editor3d.editors.pipelines.tiny:TinyInstructPix2PixEditor",
        argument="optional",
        argument_help="a folder that python -m lab.train_editor wrote (docs/training.md)",
        runs_model=True,
        hub_id=f"{PACKAGED}/tiny-ip2p",
    ),
    EditorEntry(
        EditorInfo(
            name="folder",
            summary="Pictures edited elsewhere, matched by the view's name",
            license="Apache-2.0",
            effortless=True,
            tells_views=True,
            origin="given",
        ),
        "editor3d.editors.folder:FolderEditor",
        argument="required",
        argument_help="a folder of edited pictures",
    ),
    _model(
        "sdxl-ip2p",
        "InstructPix2Pix on SDXL, used as ip2p is",
        "diffusers/sdxl-instructpix2pix-768",
        "editor3d.editors.pipelines.sdxl_ip2p:create",
        alike_by_seed=True,
        uses_render=True,
        uses_noise_level=True,
        multiple_of=8,
        max_side=1024,
        guidance_scale=5.0,
        diffusion_steps=30,
        one_timestep_per_step=True,
    ),
    _model(
        "flux2-klein",
        "FLUX.2 klein: fast, any instruction in English; edits the original picture",
        "black-forest-labs/FLUX.2-klein-4B",
        "editor3d.editors.pipelines.flux2_klein:create",
        reads_sentences=True,
        references=3,  # it was trained on up to four pictures
        multiple_of=16,
        working_pixels=(512 * 512, _BELOW_MEGAPIXEL),
        guidance_scale=1.0,
        diffusion_steps=4,
    ),
    _model(
        "flux-kontext",
        "FLUX.1 Kontext: any instruction in English; edits the original picture",
        "black-forest-labs/FLUX.1-Kontext-dev",
        "editor3d.editors.pipelines.flux_kontext:create",
        reads_sentences=True,
        multiple_of=16,
        working_pixels=(_MEGAPIXEL, _MEGAPIXEL),
        guidance_scale=2.5,
        diffusion_steps=28,
    ),
    _model(
        "qwen-image-edit",
        "Qwen-Image-Edit: any instruction in English or Chinese; edits the original picture",
        "Qwen/Qwen-Image-Edit",
        "editor3d.editors.pipelines.qwen_image_edit:create",
        reads_sentences=True,
        multiple_of=32,
        working_pixels=(_MEGAPIXEL, _MEGAPIXEL),
        guidance_scale=4.0,
        diffusion_steps=50,
    ),
    _model(
        "qwen-image-edit-plus",
        "Qwen-Image-Edit 2509, its successor, which keeps people and objects better",
        "Qwen/Qwen-Image-Edit-2509",
        "editor3d.editors.pipelines.qwen_image_edit:create_plus",
        reads_sentences=True,
        references=2,  # it was trained on up to three pictures
        multiple_of=32,
        working_pixels=(_MEGAPIXEL, _MEGAPIXEL),
        guidance_scale=4.0,
        diffusion_steps=40,
    ),
    _inpainting(
        "sd-inpaint",
        "Stable Diffusion 1.5 inpainting: paints what the text describes inside a mask",
        "stable-diffusion-v1-5/stable-diffusion-inpainting",
        multiple_of=8,
        working_pixels=(512 * 512, 512 * 512),
        guidance_scale=7.5,
        diffusion_steps=30,
    ),
    _inpainting(
        "sdxl-inpaint",
        "SDXL inpainting: paints what the text describes inside a mask",
        "diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
        multiple_of=8,
        working_pixels=(_MEGAPIXEL, _MEGAPIXEL),
        guidance_scale=8.0,
        diffusion_steps=30,
    ),
    _inpainting(
        "flux-inpaint",
        "FLUX.1 Fill: paints what the text describes inside a mask",
        "black-forest-labs/FLUX.1-Fill-dev",
        multiple_of=16,
        working_pixels=(512 * 512, _MEGAPIXEL),
        guidance_scale=30.0,
        diffusion_steps=50,
    ),
    _inpainting(
        "flux2-klein-inpaint",
        "FLUX.2 klein inside a mask: fast",
        "black-forest-labs/FLUX.2-klein-4B",
        multiple_of=16,
        working_pixels=(512 * 512, _BELOW_MEGAPIXEL),
        guidance_scale=1.0,
        diffusion_steps=4,
    ),
    _model(
        "qwen-try-on",
        "Qwen-Image-Edit 2509, shown the person and a garment",
        "Qwen/Qwen-Image-Edit-2509",
        "editor3d.editors.try_on.models:qwen_try_on",
        multiple_of=32,
        working_pixels=(_MEGAPIXEL, _MEGAPIXEL),
        guidance_scale=4.0,
        diffusion_steps=40,
        accepts_mask=True,
        needs_garment=True,
    ),
    _model(
        "flux2-klein-try-on",
        "FLUX.2 klein, shown the person and a garment",
        "black-forest-labs/FLUX.2-klein-4B",
        "editor3d.editors.try_on.models:flux2_klein_try_on",
        multiple_of=16,
        working_pixels=(512 * 512, _BELOW_MEGAPIXEL),
        guidance_scale=1.0,
        diffusion_steps=4,
        accepts_mask=True,
        needs_garment=True,
    ),
    EditorEntry(
        EditorInfo(
            name="catvton-inpaint",
            summary="An inpainting model trained on a person above a garment, as CatVTON is; paints what is worn anew",
            license="the model's",
            needs_weights=True,
            varies_with_seed=True,
            accepts_mask=True,
            needs_garment=True,
            multiple_of=8,
            working_pixels=(384 * 512, 768 * 1024),
            guidance_scale=2.5,
            diffusion_steps=50,
        ),
        "editor3d.editors.try_on.models:canvas_try_on",
        argument="required",
        argument_help="a diffusers folder of such a model",
        runs_model=True,
        hub_id="stable-diffusion-v1-5/stable-diffusion-inpainting",
    ),
    EditorEntry(
        EditorInfo(
            name="service",
            summary="An image-edit service that speaks OpenAI's protocol; each view is sent and paid for once",
            license="the service's terms",
            accepts_mask=True,
            reads_sentences=True,
            references=2,
            max_side=1536,
            remote=True,
            tells_funds=True,
            concurrent=SERVICE_CONCURRENCY,
        ),
        "editor3d.editors.services.editor:create",
        argument="optional",
        argument_help="the service's base URL, which may end in #MODEL",
        key_variables=("EDITOR3D_SERVICE_KEY", "OPENAI_API_KEY"),
    ),
    _service(
        "gemini",
        "Google's Gemini image models; each view is sent and paid for once",
        2,
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        max_side=1536,
    ),
    _service(
        "openrouter",
        "Chat models that answer with pictures, by OpenRouter or another URL",
        2,
        "OPENROUTER_API_KEY",
        max_side=1536,
    ),
    _service("bfl", "FLUX.2 and Kontext of Black Forest Labs; each view is sent and paid for once", 2, "BFL_API_KEY"),
    _service("fal", "Image-edit models of fal; each view is sent and paid for once", 0, "FAL_KEY"),
    _service("replicate", "FLUX models of Replicate; each view is sent and paid for once", 0, "REPLICATE_API_TOKEN"),
    EditorEntry(
        EditorInfo(
            name="comfyui",
            summary="Any workflow of your ComfyUI, saved in API format; marks show where picture and words go",
            license="the models' of the workflow",
            accepts_mask=True,
            concurrent=1,
            multiple_of=8,
        ),
        "editor3d.editors.servers.comfyui:create",
        argument="required",
        argument_help="WORKFLOW.json, or WORKFLOW.json@URL",
        own_server=True,
    ),
    EditorEntry(
        EditorInfo(
            name="webui",
            summary="img2img of AUTOMATIC1111, Forge or SD.Next, with the model that is loaded there",
            license="the loaded model's",
            accepts_mask=True,
            concurrent=1,
            varies_with_seed=True,
            alike_by_seed=True,
            uses_noise_level=True,
            multiple_of=8,
        ),
        "editor3d.editors.servers.webui:create",
        argument="optional",
        argument_help="the server's URL, by default http://127.0.0.1:7860",
        own_server=True,
    ),
    EditorEntry(
        EditorInfo(
            name="service-try-on",
            summary="The same service, sent the person and a garment; each view is sent and paid for once",
            license="the service's terms",
            accepts_mask=True,
            needs_garment=True,
            remote=True,
            tells_funds=True,
            concurrent=SERVICE_CONCURRENCY,
        ),
        "editor3d.editors.try_on.service:create",
        argument="optional",
        argument_help="the service's base URL, which may end in #MODEL",
        key_variables=("EDITOR3D_SERVICE_KEY", "OPENAI_API_KEY"),
    ),
    EditorEntry(
        EditorInfo(
            name="sheet",
            summary="Up to four views on one sheet, edited alike by one call of another editor",
            license="the other editor's",
            batch=4,
        ),
        "editor3d.editors.sheets.editor:create",
        argument="required",
        argument_help="another editor, with its own argument where it takes one",
        runs_model=True,
    ),
)

EDITORS: dict[str, EditorEntry] = {entry.info.name: entry for entry in _ENTRIES}
"""The editors that come with the package. `editor_names` and `find_entry` know the installed ones besides."""
