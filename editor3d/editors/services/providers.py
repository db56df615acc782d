"""The services that are known by name: where they are, how they are spoken to, and what they can do."""

from __future__ import annotations

from dataclasses import dataclass

from editor3d.editors.services.client import BEARER

_GPT_SIZES = ((1024, 1024), (1024, 1536), (1536, 1024))
_GEMINI_2_SIZES = (
    *((1024, 1024), (1248, 832), (832, 1248), (1184, 864), (864, 1184)),
    *((1152, 896), (896, 1152), (1344, 768), (768, 1344), (672, 1536)),
)
_GEMINI_3_SIZES = (
    *((1024, 1024), (1264, 848), (848, 1264), (1200, 896), (896, 1200)),
    *((1152, 928), (928, 1152), (1376, 768), (768, 1376), (672, 1584)),
)
_FLUX_SIZES = ((1024, 1024), (832, 1248), (1248, 832), (896, 1184), (1184, 896), (768, 1360), (1360, 768))


@dataclass(frozen=True)
class Provider:
    """One kind of service."""

    name: str
    """As an editor is called."""
    protocol: str
    """`module:class` of its `ImageProtocol`."""
    url: str
    """Base URL, unless another is given."""
    model: str
    """Unless another is given."""
    keys: tuple[str, ...]
    """Variables of its key. Each belongs to `url`'s host; EDITOR3D_SERVICE_KEY is that of `service`, and of other
    addresses."""
    header: tuple[str, str] = BEARER
    """The name of the header that carries the key, and what stands before it there."""
    sizes: tuple[tuple[int, int], ...] = _GPT_SIZES
    """Heights and widths that it works at; empty: the picture's own."""
    references: int = 2
    """Pictures that it takes beside the one to edit."""
    masks: bool = False
    """It keeps to a mask; elsewhere the unedited picture is put back outside of one."""
    fields: tuple[str, ...] = ()
    """Further fields that may be set, by the service's names (EDITOR3D_SERVICE_OPTIONS)."""

    def sizes_of(self, model: str) -> tuple[tuple[int, int], ...]:
        """Heights and widths that a model works at."""
        if "gemini-2" in model:
            return _GEMINI_2_SIZES
        if "gemini" in model or "nano-banana" in model:
            return _GEMINI_3_SIZES
        return self.sizes


_PROTOCOLS = "editor3d.editors.services"
PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider(
            "service",
            f"{_PROTOCOLS}.openai:OpenAIProtocol",
            "https://api.openai.com/v1",
            "gpt-image-2",
            ("OPENAI_API_KEY",),
            masks=True,
            fields=("quality", "input_fidelity", "background", "moderation", "output_format", "user", "seed"),
        ),
        Provider(
            "gemini",
            f"{_PROTOCOLS}.gemini:GeminiProtocol",
            "https://generativelanguage.googleapis.com/v1beta",
            "gemini-2.5-flash-image",
            ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
            header=("x-goog-api-key", ""),
        ),
        Provider(
            "openrouter",
            f"{_PROTOCOLS}.openai:ChatProtocol",
            "https://openrouter.ai/api/v1",
            "google/gemini-2.5-flash-image",
            ("OPENROUTER_API_KEY",),
            sizes=(),
        ),
        Provider(
            "bfl",
            f"{_PROTOCOLS}.queues:BlackForestLabsProtocol",
            "https://api.bfl.ai/v1",
            "flux-2-pro",
            ("BFL_API_KEY",),
            header=("x-key", ""),
            sizes=_FLUX_SIZES,
            fields=("safety_tolerance", "prompt_upsampling", "guidance", "steps"),
        ),
        Provider(
            "fal",
            f"{_PROTOCOLS}.queues:FalProtocol",
            "https://queue.fal.run",
            "fal-ai/flux-pro/kontext",
            ("FAL_KEY",),
            header=("Authorization", "Key "),
            sizes=_FLUX_SIZES,
            references=0,
            fields=("guidance_scale", "num_inference_steps", "safety_tolerance", "resolution_mode"),
        ),
        Provider(
            "replicate",
            f"{_PROTOCOLS}.queues:ReplicateProtocol",
            "https://api.replicate.com/v1",
            "black-forest-labs/flux-kontext-pro",
            ("REPLICATE_API_TOKEN",),
            sizes=_FLUX_SIZES,
            references=0,
            fields=("safety_tolerance", "prompt_upsampling", "guidance", "steps"),
        ),
    )
}
"""By the name of the editor."""
