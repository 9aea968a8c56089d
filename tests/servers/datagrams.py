#!/usr/bin/python3
"""datagrams.py PORT - an asyncio UDP server, which answers with who it is."""
import asyncio
import os
import sys

WHO = f"{os.environ['BERTH_SLOT']} {os.environ['BERTH_GENERATION']} {os.getpid()} "


class Server(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, addr):
        self._transport.sendto(WHO.encode() + data, addr)


async def main(port):
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", port))
    print(f"bound {os.getpid()}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
