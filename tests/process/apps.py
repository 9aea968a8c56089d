"""The servers of other languages, made ready: what to give to berth as the command."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SERVERS = HERE.parent / "servers"
PYTHON = "/usr/bin/python3"
N_SLOTS = 4


def need(program):
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def copied(source, place):
    """A copy of a source file where every user can read it."""
    copy = shutil.copy(source, place)
    os.chmod(copy, 0o644)
    return copy


def listen_on(place):
    """The command of listen_on.py, but for its addresses."""
    return [PYTHON, copied(HERE / "listen_on.py", place)]


def asyncio_hello(place):
    return [PYTHON, copied(SERVERS / "asyncio_hello.py", place)]


def c_hello(programs, place, port):
    return [programs.hello, port]


def node(programs, place, port):
    return [need("node"), copied(SERVERS / "hello.js", place), port]


def static_go(programs, place, port):
    program = place / "hello-go"
    subprocess.run(
        [need("go"), "build", "-o", program, SERVERS / "hello.go"],
        env={**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off"},
        check=True,
    )
    program.chmod(0o755)
    return [program, port]


def python_http_server(programs, place, port):
    """It cannot tell its pid, but berth can give every slot a page of its own."""
    for slot in range(1, N_SLOTS + 1):
        page = place / str(slot) / "index.html"
        page.parent.mkdir()
        page.write_text(f"{slot}\n")
    return [PYTHON, "-m", "http.server", "--directory", place / "{slot}", port]


def python_asyncio(programs, place, port):
    return [*asyncio_hello(place), port]


def nginx(programs, place, port):
    program = need("nginx")
    for slot in range(1, N_SLOTS + 1):
        (place / str(slot)).mkdir()
        (place / str(slot)).chmod(0o777)
    conf = place / "nginx.conf"
    template = (SERVERS / "nginx.conf.in").read_text()
    conf.write_text(template.replace("@LISTEN@", f"127.0.0.1:{port}"))
    return [program, "-e", "stderr", "-p", f"{place}/{{slot}}/", "-c", conf]


def java(programs, place, port):
    program = need("java")
    subprocess.run([need("javac"), "-d", place, SERVERS / "Hello.java"], check=True)
    (place / "Hello.class").chmod(0o644)
    frugal = ["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx32m"]
    return [program, *frugal, "-cp", place, "Hello", port]


ALL = (c_hello, node, static_go, python_http_server, python_asyncio, nginx, java)


KNOT_CONF = """\
server:
    listen: 127.0.0.1@{port}
    rundir: "{directory}"
    udp-workers: 2
    tcp-workers: 1
    background-workers: 1
control:
    listen: "{control}"
database:
    storage: "{directory}"
log:
  - target: stderr
    any: warning
zone:
  - domain: example.test
    file: {zone}
    zonefile-sync: -1
    journal-content: none
"""

KNOT_ZONE = """\
$ORIGIN example.test.
$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
www A 127.0.0.2
"""


def knot(place, port):
    """A DNS server that answers for example.test; each run of it has a directory of its own."""
    program = need("knotd")
    zone = place / "example.test.zone"
    zone.write_text(KNOT_ZONE)
    # The slot's own: two that begin at once would remove each other's. And the same from run to
    # run: a worker is ready when it listens wherever the one before it did.
    control = place / "knot-@SLOT@.sock"
    conf = KNOT_CONF.format(port=port, directory="@DIRECTORY@", zone=zone, control=control)
    (place / "knot.conf.in").write_text(conf)
    script = place / "knot.sh"
    script.write_text(
        "#!/bin/sh\n"
        f"directory=$(mktemp -d {place}/knot.XXXXXX)\n"
        f'sed "s,@DIRECTORY@,$directory,; s,@SLOT@,$BERTH_SLOT," {place}/knot.conf.in '
        ">$directory/knot.conf\n"
        f"exec {program} -c $directory/knot.conf\n"
    )
    script.chmod(0o755)
    return [script]
