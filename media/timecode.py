"""Places in a video as people read them."""


def clock(seconds: float) -> str:
    """1:05.20, or 1:01:05.20."""
    minutes, rest = divmod(round(max(seconds, 0.0), 2), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:05.2f}" if hours else f"{minutes}:{rest:05.2f}"
