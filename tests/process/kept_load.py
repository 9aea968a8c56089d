#!/usr/bin/python3
"""
kept_load.py PORT N - N clients, each with one connection, which asks again at once.

As real ones do, a client looks before it asks whether the server has closed its
connection, and makes another one then. Between that look and the server's first byte the
server's FIN may cross the request: where the connection was used before, and ends without
one byte of an answer, the request is sent once more on a new one (RFC 9110, 9.2.2). Where
that end came at once these are counted as crossed, and are no failures; everything else is,
what ends later was under way at the server.

SIGINT ends it: what was begun is seen to its end. Prints one JSON object.
"""

import collections
import json
import os
import select
import signal
import socket
import sys
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
DEADLINE_S = 10.0
AT_ONCE_S = 0.02


class Client:
    def __init__(self, loop, address):
        self._loop = loop
        self._address = address
        self._socket = None

    # One request

    def ask(self):
        self._is_retried = False
        self._began = time.monotonic()
        if self._socket and self._is_closed():
            self._drop()
            self._loop.counts["closed_between"] += 1
        self._send()

    def is_late(self, now):
        return now - self._began > DEADLINE_S

    def _is_closed(self):
        try:
            return self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _send(self):
        self._answer = b""
        self._is_reused = self._socket is not None
        self._sent = time.monotonic()
        try:
            if not self._is_reused:
                self._connect()
            self._socket.send(REQUEST)
        except OSError as error:
            self._ends(error)

    def _connect(self):
        self._socket = socket.create_connection(self._address, DEADLINE_S)
        self._socket.setblocking(False)
        self._loop.add(self._socket, self)

    def _drop(self):
        if self._socket:
            self._loop.remove(self._socket)
            self._socket.close()
        self._socket = None

    # What comes back

    def on_readable(self):
        try:
            part = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self._ends(error)
            return
        self._answer += part
        if not part:
            self._ends(None)
        elif self._is_whole():
            self._loop.counts["ok"] += 1
            if b"onnection: close" in self._answer:
                self._drop()
            self._loop.has_ended(self)

    def _is_whole(self):
        head, parted, body = self._answer.partition(b"\r\n\r\n")
        if not parted:
            return False
        fields = dict(
            line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line
        )
        return head.startswith(b"HTTP/1.1 200 ") and len(body) >= int(fields[b"content-length"])

    def _ends(self, error):
        self._drop()
        is_at_once = time.monotonic() - self._sent <= AT_ONCE_S
        if self._is_reused and not self._answer and not self._is_retried and is_at_once:
            self._loop.counts["crossed"] += 1
            self._is_retried = True
            self._send()
            return
        self.fail(repr(error) if error else "cut off" if self._answer else "closed, no answer")

    def fail(self, why):
        self._drop()
        self._loop.failures[why] += 1
        self._loop.has_ended(self)


class Loop:
    def __init__(self):
        self.counts = collections.Counter(ok=0, crossed=0, closed_between=0)
        self.failures = collections.Counter()
        self._poll = select.epoll()
        self._by_fd = {}
        self._busy = set()
        self._ended = []
        self._stops = False

    def add(self, sock, client):
        self._by_fd[sock.fileno()] = client
        self._poll.register(sock, select.EPOLLIN)

    def remove(self, sock):
        del self._by_fd[sock.fileno()]
        self._poll.unregister(sock)

    def has_ended(self, client):
        self._busy.discard(client)
        self._ended.append(client)

    def stop(self, *_):
        self._stops = True

    def _turn(self):
        for fd, _ in self._poll.poll(0.1):
            client = self._by_fd.get(fd)
            if client in self._busy:
                client.on_readable()
        now = time.monotonic()
        for client in [each for each in self._busy if each.is_late(now)]:
            client.fail("timeout")

    def run(self, clients):
        self._ended = clients
        signal.signal(signal.SIGINT, self.stop)
        print("begun", flush=True)
        while self._busy or not self._stops:
            ended, self._ended = self._ended, []
            for client in ended:
                if self._stops:
                    continue
                self._busy.add(client)
                client.ask()
            self._turn()
        return {**self.counts, "failures": dict(self.failures)}


def main(port, n_clients):
    loop = Loop()
    # Not one address for all: each has its own ports.
    clients = [Client(loop, (f"127.0.0.{1 + i % 8}", port)) for i in range(n_clients)]
    print(json.dumps(loop.run(clients)), flush=True)
    os._exit(0)


main(int(sys.argv[1]), int(sys.argv[2]))
