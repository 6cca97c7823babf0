"""Short storms. `make faults` runs the long ones."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.storm import Storm, run, show

STORMS = [
    Storm(seed=11, engine="sqlite", lines=30, workers=2, processes=1, every=1.2, most=8, spread=1),
    Storm(
        seed=12,
        engine="postgres",
        lines=30,
        workers=2,
        processes=1,
        every=1.2,
        most=8,
        spread=1,
        rule="charge",
    ),
    Storm(seed=15, engine="sqlite", lines=24, workers=2, processes=1, every=2, most=5, spread=1, restores=2),
    Storm(
        seed=16, engine="postgres", lines=24, workers=2, processes=1, every=2, most=5, spread=1, restores=2
    ),
    Storm(seed=13, mode="area", lines=8, workers=2, processes=1, every=1.2, most=4, spread=1),
    Storm(seed=14, mode="blind", lines=6, workers=2, processes=1, every=1.2, most=3, spread=1),
]
AT_ONCE = 3  # with more, two cores answer later than a storm takes for granted


@pytest.fixture(scope="module")
def results(request, tmp_path_factory):
    """Some of them rage at the same time: most of a storm is waiting."""
    cluster = request.getfixturevalue("cluster")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield [pool.submit(run, storm, tmp_path_factory.mktemp("storm"), cluster) for storm in STORMS]


@pytest.mark.xdist_group("storms")  # the fixture lets all of them rage
@pytest.mark.parametrize("i", range(len(STORMS)), ids=[storm.name for storm in STORMS])
def test_storm(results, i):
    result = show(results[i].result())
    assert result.ok, result.report()
    if result.storm.mode == "exact":
        assert result.verdict.states["bought"] >= result.storm.lines - 2, result.report()


def test_two_webs_and_three_workers(cluster, tmp_path):
    """As on several machines: forms come in through webs that are killed and ended, too."""
    storm = Storm(seed=21, engine="postgres", lines=24, webs=2, workers=3, processes=1, every=0.9, most=14)
    result = show(run(storm, tmp_path, cluster))
    assert result.ok, result.report()
    assert result.kills["web"] + result.kills["web_family"] + result.kills["web_term"]
    assert result.verdict.states["bought"] >= storm.lines - 2, result.report()
