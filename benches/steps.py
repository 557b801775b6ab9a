#!/usr/bin/env python3
"""What Apache Otava finds in the series of docs/compare.md, for its table of planted steps.

  python3 -m venv /tmp/otava && /tmp/otava/bin/pip install apache-otava==0.8.0
  STEPS=200 STEPS_FILE=/tmp/steps.json cargo test --lib planted_steps -- --nocapture
  /tmp/otava/bin/python benches/steps.py /tmp/steps.json

The second line writes the series and prints loadtool's half of the table, the third prints Otava's half
of the same series: with its defaults, and the same least change of 2 %.
"""

import json
import statistics
import sys

from otava.series import AnalysisOptions, Metric, Series

LEAST_CHANGE = 0.02


def places(values):
    """Where Otava sees changes, as numbers of the first run of the new level."""
    options = AnalysisOptions()
    options.min_magnitude = LEAST_CHANGE
    series = Series(
        "planted",
        branch=None,
        time=list(range(len(values))),
        metrics={"value": Metric(1, 1.0)},
        data={"value": values},
        attributes={},
    )
    return [change.index for change in series.analyze(options).change_points["value"]]


class Found:
    """What was found in the series of one line of the table."""

    def __init__(self):
        self.many = self.near = self.exact = self.elsewhere = 0
        self.late = []

    def add(self, values, at, step):
        def is_near(place):
            return step > 0 and abs(place - at) <= 1

        found = places(values)
        self.many += 1
        self.near += any(is_near(place) for place in found)
        self.exact += step > 0 and at in found
        self.elsewhere += not all(is_near(place) for place in found)
        for end in range(at + 1, len(values) + 1):
            if any(is_near(place) for place in places(values[:end])):
                self.late.append(end - at)
                break


def main():
    lines = {}
    with open(sys.argv[1]) as file:
        for series in map(json.loads, file):
            found = lines.setdefault((series["noise"], series["step"]), Found())
            found.add(series["runs"], series["at"], series["step"])
    print("| noise | step | found | at the very run | late | elsewhere |")
    for (noise, step), found in lines.items():
        late = statistics.median(found.late) if found.late else "none"
        near, exact, elsewhere = found.near, found.exact, found.elsewhere
        print(f"| {noise} | {step} | {near} | {exact} | {late} | {elsewhere} of {found.many} |")


main()
