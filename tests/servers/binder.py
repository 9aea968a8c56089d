"""Binds a socket again and again, and tells of each bind that had to wait for its answer.

`binder.py`: "waited BEGIN END" on stdout, in seconds of the monotonic clock, which all
processes have in common.
"""

import os
import socket
import time

WAITED_S = 0.001

print(f"pid {os.getpid()} listens on port 0", flush=True)
while True:
    with socket.socket() as s:
        begin = time.monotonic()
        s.bind(("127.0.0.1", 0))
        end = time.monotonic()
    if end - begin > WAITED_S:
        print(f"waited {begin:.6f} {end:.6f}", flush=True)
    time.sleep(0.0005)
