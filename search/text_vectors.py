"""Embed a fixed list of texts once per model, and keep the vectors in the library's cache."""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import numpy as np

from ..ingest.models.embedder import TextEmbedder
from ..media.files import atomic
from ..media.types import Floats
from ..media.untrusted import MEGABYTE, UntrustedError, read_array

_DIGITS = 16
"""Digits of the digest in a file's name."""
_MAX_BYTES = 64 * MEGABYTE
"""Size limit of a file of vectors."""


def text_vectors(name: str, texts: Sequence[str], embedder: TextEmbedder, cache: Path) -> Floats:
    """Return the vectors of a list of texts. A library that cannot be written keeps none, and can still be searched.

    Args:
        name: The name of the list, with which its files begin.
        texts: The texts.
        embedder: The model.
        cache: The cache folder of the library.
    """
    identity = json.dumps([asdict(embedder.space), list(texts)])
    file = cache / f"{name}-{sha256(identity.encode()).hexdigest()[:_DIGITS]}.npy"
    with contextlib.suppress(OSError, UntrustedError):
        found = read_array(file, _MAX_BYTES, mapped=False)
        if found.shape == (len(texts), embedder.space.dimension) and np.isfinite(found).all():
            return np.asarray(found, np.float32)
    made = embedder.embed_texts(texts)
    with contextlib.suppress(OSError), atomic(file, parents=True) as part, part.open("wb") as out:
        np.save(out, made)
    return made
