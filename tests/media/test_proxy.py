"""Proxies that are mapped into memory."""

import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from reelweave.media.proxy import ProxySize, ProxyWriter, luma, read_proxies, release_pages

SIZE = ProxySize(160, 90)
FRAMES = 500


def resident(file: Path) -> int:
    """Return how many bytes of a file are mapped and in this process's memory."""
    _, _, rest = Path("/proc/self/smaps").read_text().partition(str(file))
    return 1024 * int(rest.partition("Rss:")[2].split()[0])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_released_pages_leave_memory_and_are_read_again(tmp_path: Path) -> None:
    file = tmp_path / "proxies"
    drawn = np.random.default_rng(0).integers(0, 256, (FRAMES, 135, 160), np.uint8)
    with closing(ProxyWriter(file, SIZE, 0)) as writer:
        writer.append([*drawn])
    planes = luma(read_proxies(file, SIZE, FRAMES))
    total = int(planes.sum())
    assert resident(file) > FRAMES * SIZE.bytes // 2
    release_pages(planes)
    assert resident(file) < FRAMES * SIZE.bytes // 10
    assert int(planes.sum()) == total


def test_pictures_that_are_not_mapped_are_left_alone() -> None:
    planes = luma(np.ones((2, 135, 160), np.uint8))
    release_pages(planes)
    assert planes.all()
