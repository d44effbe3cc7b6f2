"""Format positions in a video for people."""


def clock(seconds: float) -> str:
    """Format seconds as 1:05.20 or 1:01:05.20."""
    minutes, rest = divmod(round(max(seconds, 0.0), 2), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:05.2f}" if hours else f"{minutes}:{rest:05.2f}"
