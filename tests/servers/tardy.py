#!/usr/bin/python3
"""tardy.py PORT - an asyncio server, which takes 0 to 300 ms for each answer."""
import asyncio
import os
import random
import sys

BODY = f"hello from pid {os.getpid()}\n"


async def serve(reader, writer):
    try:
        stays = True
        while stays:
            request = await reader.readuntil(b"\r\n\r\n")
            stays = b" HTTP/1.1\r\n" in request and b"onnection: close" not in request
            await asyncio.sleep(random.uniform(0, 0.3))
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


async def main(port):
    server = await asyncio.start_server(serve, "", port, backlog=1024)
    await server.serve_forever()


asyncio.run(main(int(sys.argv[1])))
