#!/usr/bin/python3
"""moody.py PORT - one connection at a time, answered with the process id.

GET /grow?N   keeps N MiB more, for ever
GET /child?N  has a child that keeps N MiB
GET /busy?N   answers after N ms
GET /exit?N   answers, and ends with exit code N
"""
import os
import signal
import socket
import sys
import time

MIB = 1024 * 1024

kept = []


def child(n):
    reader, writer = os.pipe()
    if os.fork() == 0:
        kept.append(b"x" * (n * MIB))
        os.write(writer, b".")
        os.closerange(3, writer + 1)  # the client waits for the end of its connection
        signal.pause()
        os._exit(0)
    os.read(reader, 1)
    os.close(reader)
    os.close(writer)


def obey(mood, n):
    if mood == "/grow":
        kept.append(b"x" * (n * MIB))
    elif mood == "/child":
        child(n)
    elif mood == "/busy":
        time.sleep(n / 1000)


def serve(client):
    request = b""
    while b"\r\n\r\n" not in request:
        chunk = client.recv(65536)
        if not chunk:
            return
        request += chunk
    mood, _, number = request.split()[1].decode().partition("?")
    obey(mood, int(number or 0))
    body = f"{os.getpid()}\n"
    client.sendall(
        f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
    )
    if mood == "/exit":
        client.close()
        os._exit(int(number))


def main(port):
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    print(f"pid {os.getpid()} listens", flush=True)
    while True:
        client, _ = listener.accept()
        with client:
            try:
                serve(client)
            except ConnectionError:
                pass  # the client is gone


if __name__ == "__main__":
    main(int(sys.argv[1]))
