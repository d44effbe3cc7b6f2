"""seriate as its README shows it, on the distances of small grey pictures: python run-seriate.py VIDEO ANSWER

It drops nothing. Its users bring distances of their own; these are Euclidean, in grey levels, between pictures
of 64 x 36.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import ortools
from scipy.spatial.distance import pdist

# It refuses every OR-Tools but 6 and 7, of which there are no wheels for the Pythons of today; what it calls is
# in later ones as it was.
ortools.__version__ = "7.8.7959"

from seriate import IncompleteSolutionError, seriate  # noqa: E402


def pictures(video: str) -> Iterator[np.ndarray]:
    capture = cv2.VideoCapture(video)
    while (read := capture.read())[0]:
        grey = cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY)
        yield cv2.resize(grey, (64, 36), interpolation=cv2.INTER_AREA).ravel().astype(np.float64)


distances = pdist(np.array(list(pictures(sys.argv[1]))))
try:
    order = seriate(distances)
except IncompleteSolutionError:
    # What its message advises: longer and longer, until there is a solution.
    order = seriate(distances, timeout=0)
Path(sys.argv[2]).write_text(json.dumps({"order": [int(frame) for frame in order], "dropped": []}))
