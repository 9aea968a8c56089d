"""Small clients for the tests: one connection, one request, one answer."""

import collections
import re
import socket

DEADLINE_S = 10.0
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

_given_out = set()


def free_port(n_consecutive=1, family=socket.AF_INET):
    """A port number (the first of @n_consecutive) that the kernel says nobody has."""
    for _ in range(1000):
        held = []
        try:
            first = socket.socket(family)
            held.append(first)
            first.bind(("", 0))
            port = first.getsockname()[1]
            wanted = range(port, port + n_consecutive)
            if port + n_consecutive > 65535 or _given_out.intersection(wanted):
                continue
            for number in wanted[1:]:
                sock = socket.socket(family)
                held.append(sock)
                sock.bind(("", number))
            _given_out.update(wanted)
            return port
        except OSError:
            continue
        finally:
            for sock in held:
                sock.close()
    raise AssertionError("the kernel has no free port left")


def connect(address, timeout_s=DEADLINE_S):
    """@address: a port on 127.0.0.1, a (host, port) pair or the path of a Unix socket."""
    if isinstance(address, int):
        address = ("127.0.0.1", address)
    if isinstance(address, (str, bytes)):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    else:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(timeout_s)
    try:
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


def read_to_end(sock):
    chunks = []
    while True:
        chunk = sock.recv(65536)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)


def finish_get(sock):
    """Reads the answer to a request that was sent already, and closes @sock."""
    with sock:
        answer = read_to_end(sock)
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b"\r\n", 1)[0]
    assert b" 200" in status, f"not a good answer: {answer!r}"
    if b"transfer-encoding: chunked" in head.lower():
        body = _unchunk(body)
    return body


def _unchunk(body):
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        n_bytes = int(size, 16)
        whole += rest[:n_bytes]
        body = rest[n_bytes + 2:]
    return whole


def start_get(address, timeout_s=DEADLINE_S):
    sock = connect(address, timeout_s)
    sock.sendall(REQUEST)
    return sock


def http_get(address, timeout_s=DEADLINE_S):
    return finish_get(start_get(address, timeout_s))


def get_number(address, timeout_s=DEADLINE_S):
    """The first number in the answer: a pid, or whatever the test made the server say."""
    return int(re.search(rb"\d+", http_get(address, timeout_s)).group())


def tally(address, n_requests):
    """@n_requests connections, one after another: how many each server answered."""
    return collections.Counter(get_number(address) for _ in range(n_requests))


def failures_of(figures):
    """What failed, by kind, in the figures of the load generator."""
    return {kind: n for kind, n in figures["failures"].items() if n}
