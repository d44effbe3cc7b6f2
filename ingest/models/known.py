"""The CLIP models that Reelweave knows by name: what each promises, and what others have measured with it."""

from dataclasses import dataclass

from ...errors import SpaceError, command


@dataclass(frozen=True)
class KnownModel:
    """One row of the table that `models list` prints and docs/reference/models.md shows."""

    name: str
    """What `--model` and `clip.model` take beside `model`."""
    model: str
    """The value of `clip.model` that it stands for; after the slash, open_clip's name of the weights."""
    repository: str
    """Where its weights are on the hub; empty if they come with the package."""
    licence: str
    """As the hub names it."""
    megabytes: int
    """Of the weights of both towers, by the number of parameters: 32 bits each, in `toy` 16."""
    dimension: int
    context: int
    """Tokens of a text."""
    pixels: int
    """Side of the picture that the network sees."""
    resize: str
    """How pictures were resized in its training, in open_clip's words: `shortest` (then cropped) or `squash`."""
    cost: float
    """Time of a picture beside that of the default, by bench/models.py; that of `toy` by bench/views.py."""
    imagenet: float | None
    """Zero-shot accuracy on ImageNet in percent, as published."""
    coco: float | None
    """Text-to-image recall@1 on COCO in percent, as published."""
    source: str
    """Where the last two were published."""
    note: str = ""
    has_tokenizer: bool = False
    """Whether its repository holds a tokenizer that it needs; the others use that of CLIP, which open_clip has."""
    research_only: bool = False


# Compared with these files on 2026-11-30.
_OPEN_CLIP = "open_clip, docs/openclip_classification_results.csv and openclip_retrieval_results.csv"
_SIGLIP2 = "big_vision, README_siglip2.md (arXiv:2502.14786)"
_PE = "perception_models, apps/pe/README.md (arXiv:2504.13181)"

KNOWN_MODELS = (
    KnownModel(
        name="laion-b-32",
        model="hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        repository="laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        licence="mit",
        megabytes=605,
        dimension=512,
        context=77,
        pixels=224,
        resize="shortest",
        cost=1.0,
        imagenet=66.6,
        coco=39.3,
        source=_OPEN_CLIP,
        note="default",
    ),
    KnownModel(
        name="datacomp-b-32-256",
        model="ViT-B-32-256/datacomp_s34b_b86k",
        repository="laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
        licence="mit",
        megabytes=605,
        dimension=512,
        context=77,
        pixels=256,
        resize="shortest",
        cost=1.2,
        imagenet=72.8,
        coco=39.9,
        source=_OPEN_CLIP,
    ),
    KnownModel(
        name="siglip2-b-32-256",
        model="ViT-B-32-SigLIP2-256/webli",
        repository="timm/ViT-B-32-SigLIP2-256",
        licence="apache-2.0",
        megabytes=1507,
        dimension=768,
        context=64,
        pixels=256,
        resize="squash",
        cost=1.3,
        imagenet=74.0,
        coco=47.2,
        source=_SIGLIP2,
        has_tokenizer=True,
        note="recommended",
    ),
    KnownModel(
        name="siglip2-b-16",
        model="ViT-B-16-SigLIP2/webli",
        repository="timm/ViT-B-16-SigLIP2",
        licence="apache-2.0",
        megabytes=1501,
        dimension=768,
        context=64,
        pixels=224,
        resize="squash",
        cost=3.0,
        imagenet=78.2,
        coco=52.1,
        source=_SIGLIP2,
        has_tokenizer=True,
    ),
    KnownModel(
        name="pe-core-s-16-384",
        model="PE-Core-S-16-384/meta",
        repository="timm/PE-Core-S-16-384",
        licence="apache-2.0",
        megabytes=349,
        dimension=512,
        context=32,
        pixels=384,
        resize="squash",
        cost=2.7,
        imagenet=72.7,
        coco=42.6,
        source=_PE,
    ),
    KnownModel(
        name="pe-core-b-16",
        model="PE-Core-B-16/meta",
        repository="timm/PE-Core-B-16",
        licence="apache-2.0",
        megabytes=1791,
        dimension=1024,
        context=32,
        pixels=224,
        resize="squash",
        cost=3.2,
        imagenet=78.4,
        coco=50.9,
        source=_PE,
    ),
    KnownModel(
        name="mobileclip2-s2",
        model="MobileCLIP2-S2/dfndr2b",
        repository="timm/MobileCLIP2-S2-OpenCLIP",
        licence="apple-amlr",
        megabytes=397,
        dimension=512,
        context=77,
        pixels=256,
        resize="shortest",
        cost=2.7,
        imagenet=77.2,
        coco=None,
        source="ml-mobileclip, README.md (arXiv:2508.20691)",
        note="for research only, by its licence; never the default",
        research_only=True,
    ),
    KnownModel(
        name="toy",
        model="toy",
        repository="",
        licence="mit",
        megabytes=8,
        dimension=128,
        context=24,
        pixels=64,
        resize="squash",
        cost=0.02,
        imagenet=None,
        coco=None,
        source="",
        note="included; knows drawn shapes only",
    ),
)


def known_model(name: str) -> KnownModel | None:
    """Look up a model by its name in the table or by the value of `clip.model` that it stands for."""
    return next((known for known in KNOWN_MODELS if name in (known.name, known.model)), None)


def model_value(name: str) -> str:
    """Return the value of `clip.model` that a name of the table stands for; other values stand for themselves."""
    known = known_model(name)
    return known.model if known else name


def check_licence(name: str, research: bool) -> None:
    """Refuse a model whose licence allows research only, unless the user says that this is research.

    Raises:
        SpaceError: It is such a model, and `clip.research` is off.
    """
    known = known_model(name)
    if known and known.research_only and not research:
        raise SpaceError(
            f"The licence of {known.name} ({known.licence}) allows research only.",
            f"If that is your use, set clip.research to true; or choose another: {command('models', 'list')}.",
        )
