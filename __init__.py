"""Reelweave takes videos apart into frames, remembers every frame as vectors, and puts videos back together."""

__version__ = "0.2.0"
