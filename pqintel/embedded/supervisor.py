"""Starts programs, shows what becomes of them, starts again what dies, and ends all of them when asked.

Every program runs in a session of its own, so that Ctrl-C reaches only us and the order of the end is ours: SIGTERM to
the program itself (a Celery pool must not hear it), and after the grace period SIGKILL to its whole group.

A program that dies is started again after 1, 2, 4, … 30 s. One that dies `DEATHS` times in a row without having lived
for `HEALTHY_SECONDS`, or dies before the first start is complete, ends everything: a loop of deaths helps nobody.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from signal import SIGTERM

from pqintel.embedded import EmbeddedError
from pqintel.embedded.home import PROJECT, Home
from pqintel.embedded.leash import Leash, kill_group, send
from pqintel.embedded.processes import fresh_log, last_lines

GRACE_SECONDS = 5.0
LAST_SECONDS = 0.7
HEALTHY_SECONDS = 30.0
LONGEST_DELAY = 30.0
DEATHS = 5
LOG_BYTES = 20_000_000


class Stopping(Exception):  # noqa: N818 (a request, not an error)
    """The person (or a signal) asked for the end while something was still being prepared."""


@dataclass
class Program:
    """One supervised program and its present process."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    needed_by_others: bool = False
    handle: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    due: float | None = field(default=None, metadata={"doc": "monotonic time of the next start, while it is down"})


def say(name: str, text: str) -> None:
    """One short line on the console."""
    print(f"{time.strftime('%H:%M:%S')} {name:<10} {text}", flush=True)


class Supervisor:
    """The programs of one `make run`."""

    def __init__(self, home: Home, leash: Leash) -> None:
        """`leash` ends the programs should this process be killed outright."""
        self.home = home
        self.stopping = threading.Event()
        self.hurry = threading.Event()
        self.programs: list[Program] = []
        self._leash = leash
        self._errands: set[int] = set()

    def start(
        self, name: str, command: list[str], environment: Mapping[str, str], *, needed_by_others: bool = False
    ) -> None:
        """Start a program that shall run until the end; its output goes to `logs/<name>.log`.

        One that is needed by others is ended after them, so that they can finish what they are at.
        """
        fresh_log(self.home.log(name))
        program = Program(name, command, environment, needed_by_others)
        self.programs.append(program)
        self._launch(program)

    def errand(
        self,
        name: str,
        command: list[str],
        environment: Mapping[str, str],
        *,
        stdin: str = "",
        accepted: Container[int] = (0,),
        seconds: float = 300,
    ) -> str:
        """Run a program to its end and return its stdout; stderr goes to `logs/<name>.log`.

        Raises Stopping when the end is asked for meanwhile, EmbeddedError (with its last line) when its exit code is
        not among the accepted ones.
        """
        log = self.home.log(name)
        fresh_log(log)
        with log.open("ab") as errors:
            handle = subprocess.Popen(
                command,
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
            self._leash.watch(handle.pid)
            self._errands.add(handle.pid)
            try:
                output = self._finish(handle, stdin.encode(), time.monotonic() + seconds)
            finally:
                kill_group(handle.pid)
                handle.wait()
                self._leash.forget(handle.pid)
                self._errands.discard(handle.pid)
        if handle.returncode in accepted:
            return output.decode()
        lines = last_lines(log) or [line for line in output.decode(errors="replace").splitlines() if line.strip()]
        reason = lines[-1] if lines else f"exit code {handle.returncode}"
        raise EmbeddedError(f"{name} failed: {reason} (log: {log})")

    def _finish(self, handle: subprocess.Popen[bytes], stdin: bytes, deadline: float) -> bytes:
        first = True
        while not self.stopping.is_set():
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{handle.args!r} takes too long.")
            try:
                return handle.communicate(stdin if first else None, timeout=0.2)[0]
            except subprocess.TimeoutExpired:
                first = False
        raise Stopping

    def wait_for(self, what: str, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready()`. Raises Stopping, or EmbeddedError when a program dies or the time is up."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.stopping.is_set():
                raise Stopping
            self.refuse_deaths()
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{what} is not ready after {seconds:.0f} s (logs: {self.home.logs})")
            time.sleep(0.05)

    def refuse_deaths(self) -> None:
        """Raise EmbeddedError if a program has ended: during the first start that is the end of everything."""
        for program in self.programs:
            if program.handle and program.handle.poll() is not None:
                raise EmbeddedError(f"{program.name} ended during the start.\n{self._epitaph(program)}")

    def tend(self) -> None:
        """Look after the programs once: report deaths, start again what is due. Raises EmbeddedError to give up."""
        now = time.monotonic()
        for program in self.programs:
            if program.handle and program.handle.poll() is not None:
                self._bury(program, now)
            elif program.due is not None and now >= program.due:
                self._launch(program)
                say(program.name, "started again")
            self._bound_log(program)

    def stop(self) -> None:
        """End every program within the grace period, or at once when `hurry` is set; what is left is killed."""
        self.stopping.set()
        deadline = time.monotonic() + GRACE_SECONDS
        self._end([program for program in self.programs if not program.needed_by_others], deadline)
        self._end([program for program in self.programs if program.needed_by_others], deadline + LAST_SECONDS)
        self.kill()

    def _end(self, programs: list[Program], deadline: float) -> None:
        """SIGTERM to these programs, and wait for them and for errands until the deadline (monotonic)."""
        running = [program.handle for program in programs if program.handle and program.handle.poll() is None]
        for handle in running:
            send(handle.pid, SIGTERM)
        while self._errands or any(handle.poll() is None for handle in running):
            if time.monotonic() >= deadline or self.hurry.is_set():
                break
            time.sleep(0.02)
        for program in programs:
            if program.handle and program.handle.poll() is None:
                say(program.name, "did not end in time and is killed")

    def kill(self) -> None:
        """SIGKILL to every program and its group, now."""
        for pid in tuple(self._errands):
            kill_group(pid)
        for program in self.programs:
            if program.handle:
                kill_group(program.handle.pid)
                program.handle.wait()
                self._leash.forget(program.handle.pid)
                program.handle = None

    def _launch(self, program: Program) -> None:
        with self.home.log(program.name).open("ab") as log:
            program.handle = subprocess.Popen(
                program.command,
                cwd=PROJECT,
                env=program.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        program.started, program.due = time.monotonic(), None
        self._leash.watch(program.handle.pid)

    def _bury(self, program: Program, now: float) -> None:
        assert program.handle is not None
        kill_group(program.handle.pid)  # what a killed parent leaves behind still holds its port
        self._leash.forget(program.handle.pid)
        program.deaths = 1 if now - program.started > HEALTHY_SECONDS else program.deaths + 1
        epitaph = self._epitaph(program)
        program.handle = None
        if program.deaths >= DEATHS:
            raise EmbeddedError(f"{program.name} ended {DEATHS} times in a row.\n{epitaph}")
        delay = min(2.0 ** (program.deaths - 1), LONGEST_DELAY)
        program.due = now + delay
        print(f"{program.name} ended unexpectedly; it starts again in {delay:.0f} s.\n{epitaph}", file=sys.stderr)

    def _epitaph(self, program: Program) -> str:
        assert program.handle is not None
        code = program.handle.returncode
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        log = self.home.log(program.name)
        return "\n".join([f"  It ended {how}. The end of {log}:", *(f"  | {line}" for line in last_lines(log))])

    def _bound_log(self, program: Program) -> None:
        """Keep a log from filling the disk: its text moves to `.log.1`. Children append, so truncating is safe."""
        log = self.home.log(program.name)
        if log.stat().st_size > LOG_BYTES:
            log.with_name(log.name + ".1").write_bytes(log.read_bytes())
            with log.open("rb+") as file:
                file.truncate(0)
