"""
Makes the sockets that it is told of, all on the port of the first, prints the port, and
keeps them until its standard input ends.

Its argument is JSON: {"sockets": [{"host", "listen", "udp", "protocol", "options"}...],
"port": 0 for any, "name": its own, "children": how many share the sockets}.
"""

import json
import os
import socket
import sys


def make_socket(plan, port):
    host, options = plan["host"], plan.get("options", [])
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_DGRAM if plan.get("udp") else socket.SOCK_STREAM
    sock = socket.socket(family, kind, plan.get("protocol", 0))
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, "v6only" in options)
    for name in ("reuseaddr", "reuseport"):
        if name in options:
            sock.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_" + name.upper()), 1)
    sock.bind((host, port))
    if plan.get("listen"):
        sock.listen(7)
    return sock


def set_name(name):
    with open("/proc/self/comm", "w", encoding="utf-8") as comm:
        comm.write(name)


def main(plan):
    port = plan.get("port", 0)
    kept = []
    for each in plan["sockets"]:
        kept.append(make_socket(each, port))
        port = kept[0].getsockname()[1]
    if "name" in plan:
        set_name(plan["name"])
    for _ in range(plan.get("children", 0)):
        ready, told = os.pipe()
        if os.fork() == 0:
            set_name("child")
            os.write(told, b"x")
            break
        os.read(ready, 1)
    else:
        print(port, flush=True)
    sys.stdin.read()


main(json.loads(sys.argv[1]))
