"""
Listens on every address that it is given, and answers `pid slot index port`.

Addresses: 4:HOST:PORT, 6:HOST:PORT (dual stack), 6only:HOST:PORT, unix:PATH,
abstract:NAME. A bind that fails is printed with its errno, and the rest goes on.
--wait FIFO first waits until somebody opens the FIFO for writing and closes it.
"""

import errno
import os
import selectors
import socket
import sys


def make_socket(text):
    kind, rest = text.split(":", 1)
    if kind in ("unix", "abstract"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        return sock, ("\0" if kind == "abstract" else "") + rest
    host, port = rest.rsplit(":", 1)
    sock = socket.socket(socket.AF_INET if kind == "4" else socket.AF_INET6)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if kind != "4":
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, kind == "6only")
    return sock, (host, int(port))


def answer(connection, index):
    while b"\r\n\r\n" not in connection.recv(4096):
        pass
    name = connection.getsockname()
    port = name[1] if isinstance(name, tuple) else 0
    body = f"{os.getpid()} {os.environ.get('BERTH_SLOT', 0)} {index} {port}\n"
    connection.sendall(f"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}".encode())
    connection.close()


def main(arguments):
    if arguments[0] == "--wait":
        with open(arguments[1], "rb") as fifo:
            fifo.read()
        arguments = arguments[2:]
    ready = selectors.DefaultSelector()
    for index, text in enumerate(arguments):
        sock, address = make_socket(text)
        try:
            sock.bind(address)
            sock.listen(128)
        except OSError as error:
            print(f"bind {text}: {errno.errorcode[error.errno]}", flush=True)
            continue
        sock.setblocking(False)
        ready.register(sock, selectors.EVENT_READ, index)
        print(f"listening {text} {sock.getsockname()}", flush=True)
    while True:
        for key, _ in ready.select():
            try:
                connection, _ = key.fileobj.accept()
            except BlockingIOError:
                continue
            connection.setblocking(True)
            answer(connection, key.data)


main(sys.argv[1:])
