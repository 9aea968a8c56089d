"""Runs a keeper with primaries that the test speaks for."""

import array
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import procs

MAGIC = 0x54524542
FORMAT = struct.Struct("=IHHiiQ120s")
NAMES_FROM_KEEPER = {
    32: "hello", 33: "item", 34: "handed", 35: "exited", 36: "signalled", 37: "refused"
}  # fmt: skip
TYPES = {
    "store": 1, "drop": 2, "watch": 3, "done": 4, "ready": 5, "finish": 6, "program": 7, "adopt": 8
}  # fmt: skip

FAKE = Path(__file__).with_name("fake_primary.py")


def packed(kind, name=b"", number=0, pid=0, sequence=0, magic=MAGIC, version=1):
    return FORMAT.pack(magic, version, TYPES.get(kind, kind), number, pid, sequence, name)


class Message:
    def __init__(self, data, fds):
        _, _, kind, self.number, self.pid, self.sequence, name = FORMAT.unpack(data)
        self.kind = NAMES_FROM_KEEPER[kind]
        self.name = name.split(b"\0")[0].decode()
        self.fds = fds


class Channel:
    """A primary's end."""

    def __init__(self, end):
        self.end = end
        end.settimeout(5)

    def send(self, kind, *fds, **fields):
        self.send_bytes(packed(kind, **fields), *fds)

    def send_bytes(self, data, *fds):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.end.sendmsg([data], rights)

    def receive(self):
        data, fds, _, _ = socket.recv_fds(self.end, 4096, 8)
        assert data, "the keeper closed the channel"
        return Message(data, fds)

    def receive_hand_over(self):
        """Returns HELLO, what each name refers to, and the events, up to HANDED."""
        hello = self.receive()
        assert hello.kind == "hello"
        items, events = {}, []
        while (message := self.receive()).kind != "handed":
            if message.kind == "item":
                (fd,) = message.fds
                items[message.name] = identity(fd)
                os.close(fd)
            else:
                events.append(message)
        return hello, items, events

    def is_closed(self):
        """Waits for the keeper's end to close, whatever it still says."""
        try:
            while self.end.recv(4096):
                pass
        except ConnectionResetError:
            pass
        return True


def identity(fd):
    stat = os.fstat(fd)
    return stat.st_dev, stat.st_ino


class Primary(Channel):
    """A fake primary that runs, and its channel."""

    def __init__(self, control):
        data, fds, _, _ = socket.recv_fds(control, 4096, 1)
        super().__init__(socket.socket(fileno=fds[0]))
        self._control = control
        self.facts = json.loads(data)
        # Ours, not that of a PID namespace that it may live in.
        credentials = control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        self.pid = struct.unpack("iii", credentials)[0]

    def take_over(self):
        """What every primary does first."""
        handed = self.receive_hand_over()
        self.send("ready")
        return handed

    def store(self, name, fd):
        self.send("store", fd, name=name.encode())

    def _order(self, *order):
        self._control.send(json.dumps(order).encode())

    def spawn(self, *argv):
        """Returns the pid of a new child of the keeper."""
        self._order("spawn", *argv)
        return json.loads(self._control.recv(4096))

    def exit(self, code):
        self._order("exit", code)
        procs.wait_until_gone(self.pid)
        self.end.close()

    def close(self):
        self._order("close")
        self.end.close()

    def kill(self, number=signal.SIGKILL):
        os.kill(self.pid, number)
        procs.wait_until_gone(self.pid)
        self.end.close()


class Keeper:
    def __init__(self, program, place, wrapper=(), arguments=None, **kw):
        path = str(place / "control")
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(path)
        os.chmod(path, 0o777)  # for one of another user
        self._listener.listen(64)
        self._listener.settimeout(5)
        self._primaries = []
        primary = [os.path.realpath(sys.executable), str(FAKE), path]
        command = [*wrapper, program, *(primary if arguments is None else arguments(primary))]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **kw)
        self.pid = self.process.pid
        procs.OURS.add(self.pid)
        self.said = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.said.append(line.rstrip())

    def next_primary(self):
        control, _ = self._listener.accept()
        control.settimeout(5)
        primary = Primary(control)
        self._primaries.append((control, primary))
        return primary

    def wait_said(self, words):
        return procs.wait_until(
            lambda: next((line for line in self.said if words in line), None), f"says {words!r}"
        )

    def wait(self):
        return self.process.wait(timeout=10)

    def clean_up(self):
        self.process.kill()
        self.process.wait()
        self._listener.close()
        for control, primary in self._primaries:
            control.close()
            primary.end.close()
            procs.kill_quietly(primary.pid)
        procs.reap_orphans()
        self._reader.join()
        self.process.stderr.close()
