"""One trivial application under berth and under others that keep workers of a server.

Each is set up as its own documentation says for reloads that lose no request. What is deployed
is a version by name: the applications in peers/ read it when they start.
"""

import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from fleet import HOST, Fleet, FleetError, children_of, free_port

N_WORKERS = 2
N_THREADS = 32  # of a worker: puma keeps one for each client that has just been answered
PEERS = Path(__file__).resolve().parent / "peers"
PATH = f"{os.environ['PATH']}:/usr/sbin"
POLL_S = 0.01
START_S = 20
END_S = 4

# Debian's own: another Python on the PATH has no part in this.
GUNICORN = "/usr/bin/gunicorn"
UVICORN = ("/usr/bin/python3", "-m", "uvicorn")

GOOD, EXITS, NEVER_LISTENS, SAYS_500 = "good", "exits", "never listens", "says 500"


class Deployed(Fleet):
    """A server with N_WORKERS workers, started in the foreground as a session of its own."""

    label = ""
    can_deploy = (EXITS, NEVER_LISTENS, SAYS_500)

    def __init__(self, build):
        self.build = build
        self._directory = tempfile.TemporaryDirectory(prefix="berth-bench-")
        super().__init__(self.label, free_port(), 0, [])

    # --- what each says ---

    def programs(self):
        """How each of the programs that the label names prints its version."""
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def reload_command(self):
        raise NotImplementedError

    def reload_anyway_command(self):
        """After a reload that was broken off."""
        return self.reload_command()

    def deploy(self, version):
        self._file("version").write_text(version)

    def is_worker(self, _pid):
        """Of a child of the process that was started."""
        return True

    # --- and what they have in common ---

    def find_programs(self):
        """Puts their versions into the name. Returns those that are not there."""
        missing = []
        for name, command in self.programs().items():
            version = self._version(command)
            if version is None:
                missing.append(name)
            else:
                self.name = self.name.replace(name, f"{name} {version}")
        return missing

    def _version(self, command):
        try:
            done = subprocess.run(
                [str(word) for word in command],
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=START_S,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        found = re.findall(r"\d+(?:\.\d+)+", done.stdout)
        return found[0] if found else "of unknown version"

    def environment(self):
        return {
            **os.environ,
            "PATH": PATH,
            "PM2_HOME": str(self._file("pm2")),
            "PORT": str(self.port),
            "PYTHONDONTWRITEBYTECODE": "1",
            "VERSION": str(self._file("version")),
            "WORKERS": str(N_WORKERS),
        }

    def _file(self, name):
        return Path(self._directory.name) / name

    def __enter__(self):
        try:
            self.deploy(GOOD)
            return self.restart()
        except BaseException:
            self._directory.cleanup()
            raise

    def __exit__(self, *_):
        super().__exit__(*_)
        self._directory.cleanup()

    def restart(self):
        """Starts it, anew if it runs already, with the version that is deployed."""
        self._end()
        self.processes, self._readers, self.commands = [], [], [self.command()]
        super().__enter__()
        if not self.wait_for(self.is_whole, START_S):
            self._end()
            said = "".join(self.lines[-20:])
            raise FleetError(f"{self.name}: does not serve\n{said}")
        return self

    def _spawn(self, command):
        return subprocess.Popen(
            command,
            cwd=self._directory.name,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def _end(self):
        """Asks it to end; then ends what's left of its session, workers that hang too."""
        for process in self.processes:
            if not self.has_ended():
                process.send_signal(signal.SIGTERM)
                self.wait_for(self.has_ended, END_S)
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
        super()._end()

    def workers(self):
        return {pid for pid in self._children() if self._is_worker_now(pid)}

    def _children(self):
        while True:
            try:
                return children_of(self.processes[0].pid)
            except (FileNotFoundError, ProcessLookupError):
                pass  # one of its threads ended during the look

    def _is_worker_now(self, pid):
        try:
            return self.is_worker(pid)
        except (FileNotFoundError, ProcessLookupError):
            return False

    def has_ended(self):
        """Leaves it a zombie: its number stays that of its session."""
        process = self.processes[0]
        if process.returncode is not None:
            return True
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, process.pid, look) is not None

    def is_whole(self):
        return len(self.workers()) >= N_WORKERS and self.answers()

    def answers(self):
        """Whether somebody answers 200 now."""
        command = ["curl", "-s", "-f", "-m", "1", "-o", "/dev/null", f"http://{HOST}:{self.port}/"]
        return subprocess.run(command, check=False).returncode == 0

    def wait_for(self, is_so, seconds):
        until_s = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > until_s:
                return False
            time.sleep(POLL_S)
        return True

    def order_reload(self, is_anyway=False):
        """Gives the order; the process that does, some of which end only when it's done."""
        command = self.reload_anyway_command() if is_anyway else self.reload_command()
        return subprocess.Popen(
            [str(word) for word in command],
            cwd=self._directory.name,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


class Berth(Deployed):
    """With short times, as befits clients that pause for 0.1 s, and no look-out afterwards.

    It alone of all here has a probe: the others take a version that says 500 for a good one.
    """

    def command(self):
        options = ["--name", f"bench-{self.port}", "--drain", "5s", "--idle-close", "20ms"]
        options += ["--watch", "off", "--undo", "off", "--ready-timeout", "2s", "--probe", "http:/"]
        return [self.build / "berth", "run", "-n", N_WORKERS, *options, "--", *self.server()]

    def reload_command(self):
        return [self.build / "berth", "reload", f"bench-{self.port}"]

    def is_worker(self, pid):
        return Path(f"/proc/{pid}/comm").read_text() != "berthd\n"

    def server(self):
        raise NotImplementedError


class BerthNode(Berth):
    label = "berth, node"

    def programs(self):
        return {"node": ["node", "--version"]}

    def server(self):
        return ["node", PEERS / "app.js"]


class BerthUvicorn(Berth):
    label = "berth, uvicorn"
    can_deploy = ()  # as with node

    def programs(self):
        return {"uvicorn": [*UVICORN, "--version"]}

    def server(self):
        options = ["--app-dir", PEERS, "--port", self.port, "--log-level", "warning"]
        return [*UVICORN, *options, "app:asgi"]


class Pm2(Deployed):
    label = "PM2, node"

    def _program(self, name):
        return self.build / "peers" / "node_modules" / ".bin" / name

    def programs(self):
        # `pm2 --version` would start its daemon.
        package = self.build / "peers" / "node_modules" / "pm2" / "package.json"
        asks = ["node", "-p", f"require('{package}').version"]
        return {"PM2": asks, "node": ["node", "--version"]}

    def command(self):
        return [self._program("pm2-runtime"), "start", PEERS / "pm2.config.js"]

    def reload_command(self):
        return [self._program("pm2"), "reload", "app"]

    def reload_anyway_command(self):
        return [*self.reload_command(), "--force"]


class Gunicorn(Deployed):
    label = "gunicorn, threads"
    worker = ("--worker-class", "gthread", "--threads", str(N_THREADS), "app:wsgi")

    def programs(self):
        return {"gunicorn": [GUNICORN, "--version"]}

    def command(self):
        options = ["--workers", N_WORKERS, "--bind", f"{HOST}:{self.port}", "--keep-alive", 5]
        return [GUNICORN, "--chdir", PEERS, *options, *self.worker]

    def reload_command(self):
        return ["kill", "-HUP", self.processes[0].pid]


class GunicornUvicorn(Gunicorn):
    """uvicorn's own --workers cannot reload in the version that Debian has."""

    label = "gunicorn, uvicorn"
    can_deploy = ()  # as with threads
    worker = ("--worker-class", "uvicorn.workers.UvicornWorker", "app:asgi")

    def programs(self):
        return {**super().programs(), "uvicorn": [*UVICORN, "--version"]}


class Puma(Deployed):
    label = "puma, threads"

    def programs(self):
        return {"puma": ["puma", "--version"]}

    def command(self):
        options = ["-C", "-", "-e", "production", "-w", N_WORKERS, "-t", f"{N_THREADS}:{N_THREADS}"]
        return ["puma", *options, "-b", f"tcp://{HOST}:{self.port}", PEERS / "config.ru"]

    def reload_command(self):
        return ["kill", "-USR1", self.processes[0].pid]


class Nginx(Deployed):
    label = "nginx"
    can_deploy = (EXITS, SAYS_500)
    answer = {
        GOOD: 'return 200 "hello from pid $pid\\n"',
        EXITS: "this_is_no_directive",  # as near as a configuration comes to it
        SAYS_500: "return 500",
    }

    def _nginx(self, *options):
        return ["nginx", "-p", self._directory.name, "-c", "nginx.conf", "-e", "stderr", *options]

    def programs(self):
        return {"nginx": ["nginx", "-v"]}

    def command(self):
        return self._nginx()

    def reload_command(self):
        return self._nginx("-s", "reload")

    def deploy(self, version):
        text = (PEERS / "nginx.conf.in").read_text()
        values = {"WORKERS": N_WORKERS, "PORT": self.port, "ANSWER": self.answer[version]}
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        self._file("nginx.conf").write_text(text)


ALL = (BerthNode, BerthUvicorn, Pm2, Gunicorn, GunicornUvicorn, Puma, Nginx)
