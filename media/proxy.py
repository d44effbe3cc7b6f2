"""Proxies: one small picture per frame, stored at ingest, so that no later stage decodes the video again."""

import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .types import Picture

Proxy = npt.NDArray[np.uint8]
"""The stacked planes of an I420 picture: 3/2 height x width."""


@dataclass(frozen=True)
class ProxySize:
    """Size of a proxy in pixels."""

    width: int
    height: int

    @property
    def bytes(self) -> int:
        return self.width * self.height * 3 // 2

    @classmethod
    def of(cls, width: int, height: int, pixels: int) -> Self:
        """Choose a size of about `pixels` in the proportions of a picture.

        Sides are even, as I420 requires, and at least 16; ratios beyond 8:1 are clipped.
        """
        ratio = min(8.0, max(0.125, width / height))
        return cls(max(16, 2 * round((pixels * ratio) ** 0.5 / 2)), max(16, 2 * round((pixels / ratio) ** 0.5 / 2)))


def make_proxy(picture: Picture, size: ProxySize) -> Proxy:
    """Shrink a picture to a proxy."""
    import cv2

    small = cv2.resize(picture, (size.width, size.height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2YUV_I420), np.uint8)


def proxy_picture(proxy: Proxy) -> Picture:
    """Convert a proxy to a picture in BGR."""
    import cv2

    return np.asarray(cv2.cvtColor(np.ascontiguousarray(proxy), cv2.COLOR_YUV2BGR_I420), np.uint8)


def proxy_yuv(proxy: Proxy) -> npt.NDArray[np.uint8]:
    """Return the three planes of a proxy at the size of its colour planes."""
    height, width = proxy.shape[0] * 2 // 3, proxy.shape[1]
    colours = proxy[height:].reshape(2, height // 2, width // 2)
    return np.concatenate([proxy[None, :height:2, ::2], colours])


def read_proxies(path: Path, size: ProxySize, count: int) -> npt.NDArray[np.uint8]:
    """Map all proxies of a file into memory: count x 3/2 height x width."""
    shape = (count, size.height * 3 // 2, size.width)
    return np.memmap(path, np.uint8, "r", shape=shape) if count else np.zeros(shape, np.uint8)


def release_pages(proxies: npt.NDArray[np.uint8]) -> None:
    """Give back the memory of mapped proxies that were read; they are read again from the file when they are needed."""
    owner: Any = proxies
    while isinstance(owner, np.ndarray):
        owner = owner.base
    # The constant is missing on Windows.
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)


def luma(proxies: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the luma planes of a stack of proxies."""
    return proxies[..., : proxies.shape[-2] * 2 // 3, :]


def chroma(proxies: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the two chroma planes of a stack of proxies: count x 2 x half height x half width."""
    height, width = proxies.shape[-2] * 2 // 3, proxies.shape[-1]
    return proxies[..., height:, :].reshape(*proxies.shape[:-2], 2, height // 2, width // 2)


class ProxyWriter:
    """Append proxies to a file, after cutting off what a killed run wrote beyond the `rows` in the catalog."""

    def __init__(self, path: Path, size: ProxySize, rows: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._file.truncate(rows * size.bytes)
        self._file.seek(0, os.SEEK_END)

    def append(self, proxies: Sequence[Proxy]) -> None:
        """Write proxies to disk; they are safe when this returns."""
        for proxy in proxies:
            self._file.write(proxy.tobytes())
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
