#!/usr/bin/python3
"""probed.py PLACE ADDRESS... - listens at ports and Unix paths, and is as well as PLACE says.

GET /health   200 while there is a file PLACE/well, else 503; "asked" is written
GET /         200, with the process id
SIGUSR1       sends READY=1 to NOTIFY_SOCKET
SIGUSR2       a child of a child of its own does
"""
import os
import selectors
import signal
import socket
import sys


def notify(*_):
    name = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"READY=1", name.replace("@", "\0", 1))


def notify_from_below(*_):
    if os.fork() == 0:
        if os.fork() == 0:
            notify()
            signal.pause()
        signal.pause()


def listen_at(address):
    if address.isdigit():
        return socket.create_server(("127.0.0.1", int(address)))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    return listener


def serve(client, place):
    client.settimeout(5)
    request = b""
    while b"\r\n\r\n" not in request:
        chunk = client.recv(65536)
        if not chunk:
            return
        request += chunk
    status = "200 OK"
    if request.split()[1] == b"/health":
        print("asked", flush=True)
        status = status if os.path.exists(f"{place}/well") else "503 Service Unavailable"
    body = f"{os.getpid()}\n"
    client.sendall(
        f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
    )


def main(place, *addresses):
    signal.signal(signal.SIGUSR1, notify)
    signal.signal(signal.SIGUSR2, notify_from_below)
    selector = selectors.DefaultSelector()
    for address in addresses:
        selector.register(listen_at(address), selectors.EVENT_READ)
    print("up", flush=True)
    while True:
        for key, _ in selector.select():
            client, _ = key.fileobj.accept()
            with client:
                try:
                    serve(client, place)
                except OSError:
                    pass  # the client is gone


if __name__ == "__main__":
    main(*sys.argv[1:])
