"""A primary that does what a test tells it: it lends the test its end of the keeper's channel.

usage: fake_primary.py CONTROL-SOCKET
"""

import ctypes
import json
import os
import platform
import signal
import socket
import sys

CLONE_PARENT = 0x8000
SYS_CLONE = {"x86_64": 56}.get(platform.machine(), 220)


def spawn(argv):
    """Starts a program as a child of the keeper. Returns its pid."""
    flags = ctypes.c_ulong(CLONE_PARENT | signal.SIGCHLD)
    pid = ctypes.CDLL(None).syscall(SYS_CLONE, flags, None, None, None, None)
    if pid == 0:
        try:
            os.execvp(argv[0], argv)
        finally:
            os._exit(127)
    return pid


def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def facts():
    return {
        "pid": os.getpid(),
        "group": os.getpgrp(),
        "program": os.readlink("/proc/self/exe"),
        "fds": [fd for fd in range(64) if is_open(fd)],
        "channel": int(os.environ["BERTH_KEEPER_FD"]),
        "blocked": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
    }


def main():
    about = facts()
    channel = about["channel"]
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.connect(sys.argv[1])
    socket.send_fds(control, [json.dumps(about).encode()], [channel])
    while order := control.recv(4096):
        verb, *values = json.loads(order)
        if verb == "exit":
            os._exit(values[0])
        elif verb == "spawn":
            control.send(json.dumps(spawn(values)).encode())
        elif verb == "close":
            os.close(channel)


main()
