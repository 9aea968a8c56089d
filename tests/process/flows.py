"""Small UDP clients: each is one flow, and knows who answered it."""

import contextlib
import socket

import clients

DEADLINE_S = 5.0


class Answer:
    """What a server of tests/servers/datagrams.* says."""

    def __init__(self, data):
        slot, generation, pid, *rest = data.decode(errors="replace").split(" ", 3)
        self.slot = int(slot) if slot != "-" else None
        self.generation = int(generation) if generation != "-" else None
        self.pid = int(pid)
        self.text = rest[0] if rest else ""


class Flow:
    """A client with a socket of its own: it takes answers from the very port it asks."""

    def __init__(self, address, timeout_s=DEADLINE_S):
        if isinstance(address, int):
            address = ("127.0.0.1", address)
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.settimeout(timeout_s)
        self.sock.connect(address)

    def send(self, text="x"):
        self.sock.send(text.encode() if isinstance(text, str) else text)

    def receive(self):
        return Answer(self.sock.recv(65536))

    def ask(self, text="x"):
        self.send(text)
        return self.receive()

    def ask_until_answered(self, text="x", n_tries=100):
        """As clients of UDP do, who know that a datagram may be lost."""
        self.sock.settimeout(0.1)
        for _ in range(n_tries):
            self.send(text)
            with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                return self.receive()
        raise AssertionError("nobody answers")

    def close(self):
        self.sock.close()


@contextlib.contextmanager
def flows(address, n):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(Flow(address))) for _ in range(n)]


def free_port(n_consecutive=1):
    """A number that is free for UDP, too."""
    while True:
        first = clients.free_port(n_consecutive)
        held = []
        try:
            for number in range(first, first + n_consecutive):
                held.append(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
                held[-1].bind(("::", number))
            return first
        except OSError:
            continue
        finally:
            for sock in held:
                sock.close()
