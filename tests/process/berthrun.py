"""One `berth run`: started, watched line by line, and ended without leaving anything."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid

import procs

MARK = "BERTH_TEST_RUN"
START_DEADLINE_S = 20.0
STOP_DEADLINE_S = 20.0


@dataclasses.dataclass
class Line:
    stream: str
    text: str
    at: float
    fields: dict

    @property
    def event(self):
        return self.fields.get("event")


def _parse(text):
    if not text.startswith("{"):
        return {}
    try:
        fields = json.loads(text)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def event(name, **wanted):
    """A condition for wait_for: the event @name whose fields hold what is wanted."""

    def matches(line):
        return line.event == name and all(line.fields.get(k) == v for k, v in wanted.items())

    matches.__name__ = f"event {name} {wanted}"
    return matches


def _condition(what):
    if callable(what):
        return what
    return lambda line: what in line.text


class BerthRun:
    """
    @argv:   the whole command line
    @user:   None, or the name of the user that runs it
    @stdout: None to read it line by line, or a descriptor that receives it instead
    """

    def __init__(self, argv, *, env=None, user=None, cwd=None, stdout=None):
        self.mark = uuid.uuid4().hex
        self.argv = argv
        self.lines = []
        self._changed = threading.Condition()
        self._n_open = 0
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            argv,
            env={**_clean_environment(), **self._own_place(user), **(env or {}), MARK: self.mark},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **_as_user(user),
        )
        self.pid = self.process.pid
        procs.OURS.add(self.pid)
        self._readers = [
            self._read(name, pipe)
            for name, pipe in (("stdout", self.process.stdout), ("stderr", self.process.stderr))
            if pipe
        ]

    def _own_place(self, user):
        """Where its control socket is: apps of other tests may have the same name."""
        self._place = tempfile.mkdtemp(prefix="berth-control-")
        if user:
            shutil.chown(self._place, user)
        return {"BERTH_RUNTIME_DIR": self._place}

    def _read(self, name, pipe):
        reader = threading.Thread(target=self._read_lines, args=(name, pipe), daemon=True)
        self._n_open += 1
        reader.start()
        return reader

    def _read_lines(self, stream, pipe):
        for raw in pipe:
            text = raw.decode(errors="replace").rstrip("\n")
            with self._changed:
                self.lines.append(Line(stream, text, time.monotonic(), _parse(text)))
                self._changed.notify_all()
        with self._changed:
            self._n_open -= 1
            self._changed.notify_all()

    # What was said

    def output(self):
        with self._changed:
            return "\n".join(f"{line.stream}: {line.text}" for line in self.lines)

    def n_lines(self):
        """Where the output stands now, for wait_for(since=)."""
        with self._changed:
            return len(self.lines)

    def matching(self, what, since=0):
        matches = _condition(what)
        with self._changed:
            return [line for line in self.lines[since:] if matches(line)]

    def wait_for(self, what, timeout_s=START_DEADLINE_S, count=1, since=0):
        """Waits for @count lines that hold @what: a text or a condition. Returns them."""
        found = []
        seen = since
        end = time.monotonic() + timeout_s
        matches = _condition(what)
        with self._changed:
            while True:
                found += [line for line in self.lines[seen:] if matches(line)]
                seen = max(seen, len(self.lines))
                if len(found) >= count:
                    return found
                left = end - time.monotonic()
                if left <= 0 or self._n_open == 0:
                    break
                self._changed.wait(left)
        why = "berth ended" if self._n_open == 0 else f"not within {timeout_s} s"
        wanted = getattr(what, "__name__", what)
        raise AssertionError(
            f"{why}: {count} x {wanted!r}, saw {len(found)}, in the output of "
            f"{' '.join(self.argv)}:\n{self.output()}"
        )

    def wait_listening(self, n_workers, timeout_s=START_DEADLINE_S, since=0):
        """Waits until so many workers listen, somewhere."""
        return self.wait_for(event("worker_listening"), timeout_s, n_workers, since)

    # What it runs

    def workers(self):
        """Slot to pid of the workers themselves: of each slot, berth's oldest child."""
        kids = sorted(procs.children_of(self.pid), key=procs.started_at, reverse=True)
        slots = {procs.slot_of(pid): pid for pid in kids}
        slots.pop(0, None)
        return slots

    def wait_workers(self, slots, timeout_s=START_DEADLINE_S):
        """Waits until these slots have a worker that runs its command, and no others have."""

        def workers_of_all():
            now = self.workers()
            return now if sorted(now) == list(slots) else None

        return procs.wait_until(workers_of_all, f"workers {list(slots)}", timeout_s)

    def everything(self):
        """Every process of this run that has not ended, wherever it has moved to."""
        return [pid for pid in procs.pids_with_environ(MARK, self.mark) if pid != self.pid]

    # How it ends

    def send(self, sig):
        self.process.send_signal(sig)

    def wait(self, timeout_s=STOP_DEADLINE_S):
        """Waits for the end, and for the last of the output. Returns the exit code."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"berth has not ended within {timeout_s} s:\n{self.output()}"
            ) from None
        for reader in self._readers:
            reader.join(STOP_DEADLINE_S)
            assert not reader.is_alive(), "berth has ended, and somebody holds its output open"
        return code

    def stop(self, code=0, sig=signal.SIGTERM, timeout_s=STOP_DEADLINE_S):
        self.send(sig)
        self.ends_with(code, timeout_s)

    def ends_with(self, code, timeout_s=STOP_DEADLINE_S):
        seen = self.wait(timeout_s)
        assert seen == code, f"exit code {seen}, not {code}:\n{self.output()}"
        self.assert_nothing_left()

    def assert_nothing_left(self):
        left = self.everything() + procs.orphans()
        assert not left, f"left behind: {[procs.describe(pid) for pid in left]}"

    def clean_up(self):
        """Ends whatever is left, the polite way first; for the end of a test, good or bad."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # Whatever is killed of berth may be started again by what isn't yet.
        while left := self.everything():
            for pid in left:
                procs.kill_quietly(pid)
            for pid in left:
                procs.wait_until_gone(pid)
            procs.reap_orphans()
        shutil.rmtree(self._place, ignore_errors=True)
        for pipe, reader in zip(self._pipes(), self._readers):
            reader.join(STOP_DEADLINE_S)
            pipe.close()

    def _pipes(self):
        return [pipe for pipe in (self.process.stdout, self.process.stderr) if pipe]


def _clean_environment():
    """Ours, without what would change what berth does."""
    unwanted = ("BERTH", "WEB_CONCURRENCY", "PORT", "NODE_APP_INSTANCE", "LISTEN_FD")
    env = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
    env["HOME"] = "/"
    env["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return env


def _as_user(user):
    if user is None:
        return {}
    return {"user": user, "group": "nogroup", "extra_groups": []}
