"""The control API over a made-up primary, and ways to talk to it, well-behaved or not."""

import http.client
import json
import os
import signal
import socket
import subprocess

DEADLINE_S = 10.0


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE_S)
        self.path = path

    def connect(self):
        self.sock = connect(self.path)


def connect(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(DEADLINE_S)
    sock.connect(path)
    return sock


def request(path, method, target, body=None):
    """Returns the status, the headers and the document."""
    connection = UnixConnection(path)
    data = body if body is None or isinstance(body, bytes) else json.dumps(body)
    connection.request(method, target, data)
    answer = connection.getresponse()
    document = json.loads(answer.read())
    connection.close()
    return answer.status, answer.headers, document


def read_to_end(sock):
    """All bytes until the other side is gone, by a FIN or by a reset."""
    got = b""
    while True:
        try:
            part = sock.recv(65536)
        except ConnectionResetError:
            return got
        if not part:
            return got
        got += part


class Stand:
    """control_stand: the API over a primary that is made up."""

    def __init__(self, spawn, program, directory, name="web", user=None):
        as_user = {"user": user, "group": "nogroup", "extra_groups": []} if user else {}
        self.process = spawn(
            [program, name],
            env={**os.environ, "BERTH_RUNTIME_DIR": str(directory)},
            stdout=subprocess.PIPE,
            text=True,
            **as_user,
        )
        self.said = self.line()
        self.path = self.said.removeprefix("at ")

    def line(self):
        return self.process.stdout.readline().rstrip("\n")

    def send(self, sig):
        self.process.send_signal(sig)

    def stop(self):
        self.send(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)

    def get(self, target):
        return request(self.path, "GET", target)

    def post(self, target, body=None):
        return request(self.path, "POST", target, body)
