"""Whether the tests notice a mutant: they are collected once, and each mutant meets them in a process of its own.

The child is a fork, so nothing is imported again: functions get the mutant's code, whatever else changed in the module is put in
its place wherever it was imported. Tests that call the changed function are asked, the quickest first (all of them where none
does: then it was called while the module was loaded); the first that fails has killed the mutant.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
import types
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import pytest
from mutations import Mutant, mutants, mutated

ROOT = Path(__file__).resolve().parents[2]
KILLED, SURVIVED = 1, 0
LIMIT_S = 5.0
"""For a test, beside ten times what it takes without a mutant: an endless loop is noticed."""
EXAMPLES = 60
"""Of a property: the seed is fixed, so the same mutants survive every time."""


class Verdict(NamedTuple):
    file: str
    mutant: Mutant
    tests: int
    """How many could have noticed."""
    killed: bool


class Trial:
    """A plugin of pytest: instead of running the tests once it runs them against each mutant of ``files``."""

    def __init__(
        self,
        files: list[str],
        chosen: Callable[[list[tuple[str, Mutant]]], list[tuple[str, Mutant]]] = list,
        workers: int = 2,
        told: Callable[[int, int, Verdict], None] = lambda _done, _of, _verdict: None,
    ) -> None:
        self.files, self._chosen, self._workers, self._told = files, chosen, workers, told
        self.verdicts: list[Verdict] = []
        self.failed: list[str] = []
        """Tests that fail without any mutant: nothing can be said then."""
        self.seconds = 0.0
        self._called: dict[str, set[tuple[str, str]]] = {}
        self._took: dict[str, float] = {}
        self._killers: dict[tuple[str, str], list[str]] = {}
        """Tests that killed mutants of a function, the last one first: they are asked first about the next."""
        self._trying = 0
        """In a child, where it writes down which test noticed."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self._trying:
            os.write(self._trying, report.nodeid.encode()[:4_000])
            os._exit(KILLED)
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        started = time.monotonic()
        for item in session.items:
            self._watch(item)
        if not self.failed:
            sources = {file: (ROOT / file).read_text(encoding="utf-8") for file in self.files}
            self._try(session.items, sources, self._chosen([(f, m) for f in self.files for m in mutants(sources[f])]))
        self.seconds = time.monotonic() - started
        return True

    def _watch(self, item: pytest.Item) -> None:
        """Run a test as it is, and see which functions it calls."""
        called, wanted = set(), {str(ROOT / file): file for file in self.files}

        def profile(frame: types.FrameType, event: str, _: object) -> None:
            file = wanted.get(frame.f_code.co_filename) if event == "call" else None
            if file is not None:
                called.add((file, frame.f_code.co_qualname.split(".<locals>")[0]))

        began = time.perf_counter()
        sys.setprofile(profile)
        try:
            _run(item)
        finally:
            sys.setprofile(None)
        self._called[item.nodeid], self._took[item.nodeid] = called, time.perf_counter() - began

    def _try(self, items: list[pytest.Item], sources: dict[str, str], todo: list[tuple[str, Mutant]]) -> None:
        quickest = sorted(items, key=lambda item: self._took[item.nodeid])
        running: dict[int, tuple[str, Mutant, int, int]] = {}
        gc.freeze()
        for number, (file, mutant) in enumerate(todo):
            asked = self._asked(quickest, file, mutant)
            reading, writing = os.pipe()
            sys.stdout.flush()
            pid = os.fork()
            if not pid:
                self._child(file, sources[file], mutant, asked, writing)
            os.close(writing)
            running[pid] = (file, mutant, len(asked), reading)
            while running and (len(running) >= self._workers or number == len(todo) - 1):
                self._reap(running, len(todo))

    def _asked(self, items: list[pytest.Item], file: str, mutant: Mutant) -> list[pytest.Item]:
        asked = [i for i in items if (file, mutant.owner) in self._called[i.nodeid]] or items
        order = {nodeid: place for place, nodeid in enumerate(self._killers.get((file, mutant.owner), ()))}
        return sorted(asked, key=lambda item: order.get(item.nodeid, len(order)))

    def _reap(self, running: dict[int, tuple[str, Mutant, int, int]], total: int) -> None:
        pid, status = os.wait()
        if pid not in running:
            return
        file, mutant, asked, reading = running.pop(pid)
        with os.fdopen(reading, "rb") as pipe:
            killer = pipe.read().decode(errors="replace")
        if killer:
            known = self._killers.setdefault((file, mutant.owner), [])
            known[:] = [killer, *(nodeid for nodeid in known if nodeid != killer)]
        self.verdicts.append(Verdict(file, mutant, asked, status != SURVIVED))
        self._told(len(self.verdicts), total, self.verdicts[-1])

    def _child(self, file: str, source: str, mutant: Mutant, items: list[pytest.Item], writing: int) -> None:
        """Never returns; a mutant that cannot be loaded, ends the process or does not come to an end is killed as well."""
        self._trying = writing
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            plant(file, source, mutant)
            for item in items:
                signal.setitimer(signal.ITIMER_REAL, LIMIT_S + 10.0 * self._took[item.nodeid])
                _run(item)
            os._exit(SURVIVED)
        finally:
            os._exit(KILLED)


def _run(item: pytest.Item) -> None:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)


def plant(file: str, source: str, mutant: Mutant) -> None:
    """Put the mutant in the place of the module that is loaded."""
    module = sys.modules[file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")]
    code = compile(mutated(source, mutant), str(ROOT / file), "exec")
    fresh = types.ModuleType(module.__name__)
    fresh.__dict__.update({k: v for k, v in module.__dict__.items() if k.startswith("__")})
    exec(code, fresh.__dict__)
    owner, _, method = mutant.owner.partition(".")
    old, new = getattr(module, owner, None), getattr(fresh, owner, None)
    if method:
        old, new = getattr(old, method), getattr(new, method)
    if isinstance(old, types.FunctionType) and isinstance(new, types.FunctionType):
        old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__
        _rebuild(module, fresh)
    else:
        _replace(module, fresh, owner)


def _rebuild(module: types.ModuleType, fresh: types.ModuleType) -> None:
    """Tables that were computed from functions of the module when it was loaded."""
    if any(_is_table(value) for value in vars(fresh).values()):
        _replace(module, fresh, "")


def _is_table(value: object) -> bool:
    return isinstance(value, dict | tuple | list | frozenset) and type(value) in (dict, tuple, list, frozenset)


def _replace(module: types.ModuleType, fresh: types.ModuleType, only: str) -> None:
    """The module's own values (or one of them), and wherever else they were imported under any name."""
    swap: dict[int, Any] = {}
    for name, value in list(vars(module).items()):
        other = vars(fresh).get(name)
        own = not isinstance(value, types.ModuleType | types.FunctionType) and not name.startswith("__")
        if name == only or (not only and own and not isinstance(value, type) and other is not value):
            swap[id(value)] = other
            setattr(module, name, other)
    for loaded in list(sys.modules.values()):
        with suppress(TypeError, AttributeError):
            for name, value in list(vars(loaded).items()):
                if id(value) in swap and loaded is not fresh and not isinstance(value, bool | int):
                    setattr(loaded, name, swap[id(value)])


def try_mutants(trial: Trial, tests: list[str]) -> Trial:
    """Collect ``tests`` (paths or ids) and run the trial on them."""
    hypothesis.settings.register_profile(
        "mutants", derandomize=True, database=None, max_examples=EXAMPLES, deadline=None
    )
    hypothesis.settings.load_profile("mutants")
    quiet = ["-p", "no:cacheprovider", "-p", "no:terminal", "-o", "addopts=", "-o", "asyncio_mode=auto"]
    pytest.main([*quiet, f"--rootdir={ROOT}", *tests], plugins=[trial])
    return trial
