#!/usr/bin/python3
"""asyncio_hello.py ADDRESS... - an asyncio server, which answers with its process id.

ADDRESS is PORT (on 127.0.0.1), HOST:PORT, [HOST]:PORT or unix:/path; it listens on each.
IPv6 addresses are v6only, as asyncio makes them.
"""
import asyncio
import os
import sys

BODY = f"hello from pid {os.getpid()}\n"


async def serve(reader, writer):
    try:
        stays = True
        while stays:
            request = await reader.readuntil(b"\r\n\r\n")
            stays = b" HTTP/1.1\r\n" in request and b"onnection: close" not in request
            kept = "keep-alive" if stays else "close"
            writer.write(
                f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n"
                f"Connection: {kept}\r\n\r\n{BODY}".encode()
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the client is done
    finally:
        writer.close()


async def listen(address):
    if address.startswith("unix:"):
        return await asyncio.start_unix_server(serve, address[len("unix:") :], backlog=1024)
    host, _, port = address.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    return await asyncio.start_server(serve, host, int(port), backlog=1024)


async def main(addresses):
    servers = [await listen(address) for address in addresses]
    for server in servers:
        name = server.sockets[0].getsockname()
        where = f"port {name[1]}" if isinstance(name, tuple) else name
        print(f"pid {os.getpid()} listens on {where}", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
