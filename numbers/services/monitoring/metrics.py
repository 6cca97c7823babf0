"""The figures of /metrics in Prometheus' words.

They come from the books, not from counters in this process, so every web process tells the same.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from .health import Figures, figures

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
GATE_STATES = ("open", "paused", "stopped")


class Books:
    """A collector that asks the books when it is asked."""

    def collect(self) -> Iterator[Metric]:
        found = figures()
        yield from labelled(found)
        yield from single(found)


def labelled(found: Figures) -> Iterator[Metric]:
    gates = {state: int(state == found.vitals.gate) for state in GATE_STATES}
    for name, words, label, values in (
        ("lines", "Open lines, by state.", "state", found.lines),
        ("sends_last_hour", "Purchases answered in the last hour, by outcome.", "outcome", found.sends),
        ("numbers", "Numbers in our records; at most a minute old.", "kind", found.numbers),
        ("gate", "1 for the current state of buying.", "state", gates),
    ):
        metric = GaugeMetricFamily(f"fluents_{name}", words, labels=[label])
        for value, count in values.items():
            metric.add_metric([value], count)
        yield metric


def single(found: Figures) -> Iterator[Metric]:
    now = found.vitals
    for name, words, value in (
        ("oldest_due_seconds", "How long the longest-waiting line is overdue.", now.oldest_due or 0),
        ("synced_seconds", "Time since the last complete sync.", now.synced),
        ("sync_failed", "1 if the last sync failed.", int(bool(now.sync_error))),
        ("workers", "Machines whose worker was seen recently.", now.workers),
        ("worker_seen_seconds", "Time since a worker was seen.", now.worker_seen),
        ("lines_due", "Due lines that no worker has taken.", found.due),
        ("changes_waiting", "Unfinished rows of changes in progress.", found.changes_waiting),
        ("approvals_waiting", "Orders waiting for approval.", found.approvals_waiting),
    ):
        if value is not None:
            yield GaugeMetricFamily(f"fluents_{name}", words, value=value)


def exposition() -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Books())
    return generate_latest(registry)
