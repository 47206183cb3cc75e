"""All experiments, by id. Each lives in a module of its own, loaded when it is run."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

from lab.experiment import Experiment


@dataclass(frozen=True, slots=True)
class Entry:
    """Where an experiment lives."""

    title: str
    module: str
    function: str = "run"

    def load(self) -> Experiment:
        """The experiment itself."""
        return getattr(import_module(self.module), self.function)


EXPERIMENTS: Mapping[str, Entry] = {
    "RX1": Entry("kill -9 under load, SQLite", "lab.kills", "run_rx1"),
    "RX2": Entry("kill -9 under load, PostgreSQL, two nodes", "lab.kills", "run_rx2"),
    "RX4": Entry("PostgreSQL restarts under load", "lab.restarts", "run_rx4"),
    "RX9": Entry("one code, many redeemers at once", "lab.races", "run_rx9"),
    "RX10": Entry("refresh tokens replayed across nodes", "lab.races", "run_rx10"),
    "RX11": Entry("slow callers", "lab.slow", "run_rx11"),
    "RX12": Entry("malformed input", "lab.malformed"),
    "RX13": Entry("a million grants and their cleanup", "lab.million"),
    "RX14": Entry("key rotation under load", "lab.rotation", "run_rx14"),
    "RX18": Entry("dead dependencies", "lab.dependencies", "run_rx18"),
    "RX20": Entry("graceful stops under load", "lab.stops", "run_rx20"),
    "RX22": Entry("SQLite contention", "lab.contention"),
    "flushes": Entry("an acknowledged write was flushed", "lab.flushes", "run_flushes"),
    "power-cut": Entry("the power fails", "lab.powercut", "run_power_cut"),
}
