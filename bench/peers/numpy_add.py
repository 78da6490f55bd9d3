"""NumPy's += of ready float32 arrays: numpy_add.py [UPDATES]; prints updates/s of CPU time for each line it reads."""
import os
import sys
import time

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
import numpy as np  # noqa: E402

P, N = 1663370, int(sys.argv[1]) if len(sys.argv) > 1 else 64
updates = [np.full(P, 0.01 * i, np.float32) for i in range(N)]
total = np.zeros(P, np.float32)
print("ready numpy", np.__version__, flush=True)
for _ in sys.stdin:
    begin = time.process_time()
    for u in updates:
        total += u
    print(N / (time.process_time() - begin), flush=True)
