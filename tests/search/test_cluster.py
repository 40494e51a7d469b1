"""A cluster gives the digits that this machine gives."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from search_kit import Sweep, market

from engine.model.errors import CockpitError
from engine.search.cluster import Cluster
from engine.search.work import packed

DATA = market(3, per_day=120)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, host="127.0.0.1", scheduler_port=0,
            protocol="tcp",
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):  # fmt: skip
        yield client


def test_results_of_a_cluster_equal_the_local_ones(client: Any, tmp_path: Path) -> None:
    here, there = Sweep(tmp_path, DATA, name="here"), Sweep(tmp_path, DATA, name="there")
    here.run()
    workers = Cluster(there.setup, packed(DATA), client.scheduler.address)
    there.run(workers)
    assert here.digits() == there.digits()
    assert workers.load.workers == 2


def test_a_study_on_a_cluster_equals_the_local_one(client: Any, tmp_path: Path) -> None:
    ask: dict[str, Any] = {"grid": (), "ranges": ("fast=5:40", "slow=20:80"), "trials": 18}
    here, there = Sweep(tmp_path, DATA, name="here", **ask), Sweep(tmp_path, DATA, name="there", **ask)
    here.run()
    there.run(Cluster(there.setup, packed(DATA), "", client))
    assert here.digits() == there.digits()


def test_a_worker_of_another_version_is_refused(client: Any, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, DATA)
    other = msgspec.structs.replace(sweep.setup, versions={"cockpit": "0.0.1"})
    with pytest.raises(CockpitError, match="another version"):
        sweep.run(Cluster(other, packed(DATA), "", client))


@pytest.mark.parametrize("address", ["", "localhost:8786", "tcp://", "file:///etc/passwd"])
def test_what_is_no_address_is_refused(address: str, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, DATA)
    with pytest.raises(CockpitError, match="no address"):
        Cluster(sweep.setup, b"", address)


def test_a_scheduler_that_is_not_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.search.cluster.ANSWER_S", 0.3)
    sweep = Sweep(tmp_path, DATA)
    with pytest.raises(CockpitError, match="no scheduler answers"):
        Cluster(sweep.setup, b"", "tcp://127.0.0.1:1")


def test_without_the_library_a_cluster_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **named: Any) -> Any:
        if name.startswith("distributed"):
            raise ImportError(name)
        return real(name, *args, **named)

    sweep = Sweep(tmp_path, DATA)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(CockpitError, match="not installed") as caught:
        Cluster(sweep.setup, b"", "tcp://127.0.0.1:1")
    assert "cockpit[cluster]" in caught.value.hint
