"""fast-tsp with its defaults, in an environment of its own: python run-fast-tsp.py PRICES.npy TOUR.json"""

import json
import sys
from pathlib import Path

import fast_tsp
import numpy as np

Path(sys.argv[2]).write_text(json.dumps(list(fast_tsp.find_tour(np.load(sys.argv[1])))))
