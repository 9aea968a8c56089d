#!/usr/bin/python3
"""
lone.py [WAY] PORT - a server that serves one client at a time, each for 40 ms.

unseen: its descriptors cannot be looked at by others of its user, once it listens.
prefork: the youngest of 300 children serves, the others wait.
"""

import ctypes
import os
import signal
import socket
import sys
import time

PR_SET_DUMPABLE = 4
BODY = "hello from pid %d\n"


def serve(listener):
    body = BODY % os.getpid()
    answer = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    while True:
        connection, _ = listener.accept()
        with connection:
            if connection.recv(65536):
                time.sleep(0.04)
                connection.sendall(answer.encode())


def fork_many():
    for i in range(300):
        if os.fork() == 0:
            if i == 299:
                return
            signal.pause()
    signal.pause()


def main(port, way=None):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(512)
    if way == "unseen":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0)
    if way == "prefork":
        fork_many()
    serve(listener)


main(int(sys.argv[-1]), *sys.argv[1:-1])
