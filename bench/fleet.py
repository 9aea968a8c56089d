"""Starts a number of servers on one port, by berth or without it, and ends them again."""

import copy
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

START_S = 30
END_S = 10
HOST = "127.0.0.1"
LISTENS = re.compile(r"pid (\d+) listens on port")


class FleetError(Exception):
    """A server didn't do what it was started for; the text has its output."""


def free_port():
    """A port that was free a moment ago; only good as an argument for a server."""
    with socket.socket() as s:
        s.bind((HOST, 0))
        return s.getsockname()[1]


def children_of(pid):
    """Of all its threads."""
    pids = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        pids += map(int, path.read_text().split())
    return pids


class Fleet:
    """Processes that together serve one port; up once n_servers have said that they listen."""

    def __init__(self, name, port, n_servers, commands):
        self.name = name
        self.port = port
        self.n_servers = n_servers
        self.commands = commands
        self.processes = []
        self.lines = []
        self.pids = []
        self._readers = []
        self._news = threading.Condition()

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        self._end()

    def _start(self):
        self.started_s = time.monotonic()
        for command in self.commands:
            process = self._spawn([str(word) for word in command])
            self.processes.append(process)
            reader = threading.Thread(target=self._read, args=[process.stdout], daemon=True)
            self._readers.append(reader)
            reader.start()
        with self._news:
            self._news.wait_for(self._is_decided, START_S)
            if len(self.pids) < self.n_servers:
                said = "".join(self.lines[-20:])
                raise FleetError(
                    f"{self.name}: {len(self.pids)} of {self.n_servers} servers came up\n{said}"
                )
        self.start_s = time.monotonic() - self.started_s

    def _spawn(self, command):
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise FleetError(f"{self.name}: {error}") from error

    def _is_decided(self):
        is_dead = any(process.poll() is not None for process in self.processes)
        return len(self.pids) >= self.n_servers or is_dead

    def _read(self, stream):
        for line in stream:
            found = LISTENS.search(line)
            with self._news:
                self.lines.append(line)
                if found:
                    self.pids.append(int(found[1]))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def _end(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for reader in self._readers:
            reader.join(END_S)
        for process in self.processes:
            process.stdout.close()

    def cpu_s(self):
        """CPU time that its processes have used, those that berth is made of included."""
        total_ns = 0
        ours = {process.pid for process in self.processes}
        for pid in ours | {pid for one in ours for pid in children_of(one)} | set(self.pids):
            for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                total_ns += int(thread.read_text().split()[0])
        return total_ns / 1e9

    @property
    def primary_pid(self):
        """Of berth: the child of its keeper that is no worker."""
        for pid in children_of(self.keeper_pid):
            if Path(f"/proc/{pid}/comm").read_text() == "berthd\n":
                return pid
        raise FleetError(f"{self.name}: there is no primary")

    @property
    def keeper_pid(self):
        """Of berth: the process that was started."""
        return self.processes[0].pid


class Programs:
    """The programs of one build, and the fleets that can be made of them."""

    def __init__(self, build):
        self.build = Path(build).resolve()
        self.servers = Path(__file__).resolve().parents[1] / "tests" / "servers"
        self.load = self.build / "bench" / "load"

    def _berth(self, n, command):
        port = command[-2]
        wrapped = [self.build / "berth", "run", "-n", n, "--", *command]
        return Fleet(f"berth run -n {n} {Path(command[0]).name}", port, n, [wrapped])

    def hello_under_berth(self, n):
        return self._berth(n, [self.build / "hello", free_port(), HOST])

    def hello_and_a_binder(self, n):
        """Slot 1 binds sockets all the time, and tells of each bind that had to wait."""
        script = 'if [ "$BERTH_SLOT" = 1 ]; then exec python3 "$1"; fi; exec "$0" "$2" "$3"'
        command = [self.build / "hello", self.servers / "binder.py", free_port(), HOST]
        return self._berth(n, ["sh", "-c", script, *command])

    def hello_by_kernel_hash(self, n):
        """The same server with its own SO_REUSEPORT, so many times."""
        port = free_port()
        command = [self.build / "tests" / "servers" / "reuseport", port, HOST]
        return Fleet(f"{n} of hello with SO_REUSEPORT", port, n, [command] * n)

    def with_volley(self):
        """The same, but that datagrams are what fleets are loaded with."""
        other = copy.copy(self)
        other.load = self.build / "bench" / "volley"
        return other

    def _echo(self, *args):
        return [self.build / "tests" / "servers" / "echo", *args]

    def echo_under_berth(self, n):
        return self._berth(n, self._echo(free_port(), HOST))

    def echo_by_kernel_hash(self, n):
        port = free_port()
        command = self._echo(port, HOST, "reuseport")
        return Fleet(f"{n} of echo with SO_REUSEPORT", port, n, [command] * n)

    def hello_alone(self):
        port = free_port()
        return Fleet("hello", port, 1, [[self.build / "hello", port, HOST]])

    def node_under_berth(self, n):
        return self._berth(n, ["node", self.servers / "hello.js", free_port(), HOST])

    def node_cluster(self, n):
        port = free_port()
        command = ["node", self.servers / "cluster.js", n, port, HOST]
        return Fleet(f"Node's cluster with {n} workers", port, n, [command])

    def node_alone(self):
        port = free_port()
        return Fleet("node", port, 1, [["node", self.servers / "hello.js", port, HOST]])
