"""Flower's in-place aggregation from serialised arrays: flower_aggregate.py [UPDATES]; updates/s of CPU time a line."""
import sys
import time

import common  # noqa: F401  one thread
import numpy as np
from flwr.common import Code, FitRes, Status, ndarrays_to_parameters
from flwr.server.strategy.aggregate import aggregate_inplace

P, N = 1663370, int(sys.argv[1]) if len(sys.argv) > 1 else 64
results = [(None, FitRes(Status(Code.OK, ""), ndarrays_to_parameters([np.full(P, 0.01 * i, np.float32)]), 600, {}))
           for i in range(N)]
print("ready flower", flush=True)
for _ in sys.stdin:
    begin = time.process_time()
    aggregate_inplace(results)
    print(N / (time.process_time() - begin), flush=True)
