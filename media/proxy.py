"""The small picture kept of every frame, so that nothing after ingest decodes the video again."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from .types import Picture

VERSION = "i420-area/1"

Proxy = npt.NDArray[np.uint8]
"""Planes of one I420 picture under each other: 3/2 height x width."""


@dataclass(frozen=True)
class ProxySize:
    width: int
    height: int

    @property
    def bytes(self) -> int:
        return self.width * self.height * 3 // 2

    @classmethod
    def of(cls, width: int, height: int, pixels: int) -> Self:
        """About `pixels` in the picture's own proportions; even, as I420 wants, and never a sliver."""
        ratio = min(8.0, max(0.125, width / height))
        return cls(max(16, 2 * round((pixels * ratio) ** 0.5 / 2)), max(16, 2 * round((pixels / ratio) ** 0.5 / 2)))


def make_proxy(picture: Picture, size: ProxySize) -> Proxy:
    import cv2

    small = cv2.resize(picture, (size.width, size.height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2YUV_I420), np.uint8)


def proxy_picture(proxy: Proxy) -> Picture:
    """The proxy as a picture to look at."""
    import cv2

    return np.asarray(cv2.cvtColor(np.ascontiguousarray(proxy), cv2.COLOR_YUV2BGR_I420), np.uint8)


def proxy_yuv(proxy: Proxy) -> npt.NDArray[np.uint8]:
    """The proxy's brightness, at the size of its colours, and its two colours."""
    height, width = proxy.shape[0] * 2 // 3, proxy.shape[1]
    colours = proxy[height:].reshape(2, height // 2, width // 2)
    return np.concatenate([proxy[None, :height:2, ::2], colours])


def read_proxies(path: Path, size: ProxySize, count: int) -> npt.NDArray[np.uint8]:
    """All proxies, memory-mapped: count x 3/2 height x width."""
    shape = (count, size.height * 3 // 2, size.width)
    return np.memmap(path, np.uint8, "r", shape=shape) if count else np.zeros(shape, np.uint8)


def luma(proxies: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The brightness planes of a stack of proxies."""
    return proxies[..., : proxies.shape[-2] * 2 // 3, :]


def chroma(proxies: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The two planes of colour of a stack of proxies: count x 2 x half height x half width."""
    height, width = proxies.shape[-2] * 2 // 3, proxies.shape[-1]
    return proxies[..., height:, :].reshape(*proxies.shape[:-2], 2, height // 2, width // 2)


class ProxyWriter:
    """Appends batches; whatever lies beyond the `rows` that the catalog vouches for is cut off first."""

    def __init__(self, path: Path, size: ProxySize, rows: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._file.truncate(rows * size.bytes)
        self._file.seek(0, os.SEEK_END)

    def append(self, proxies: Sequence[Proxy]) -> None:
        for proxy in proxies:
            self._file.write(proxy.tobytes())
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
