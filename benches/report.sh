#!/bin/sh
# How long the HTML report of a day takes to be made and to be opened: a run of the demo shop whose
# timeline is stretched to 86,400 seconds and whose calls, steps and metrics to 50 series each, in
# headless Chromium. What Chromium takes for an empty page is told beside it.
#
#   benches/report.sh [LOADTOOL]        a binary; target/release/loadtool unless you say
set -eu
tool=$(realpath "${1:-target/release/loadtool}")
script=$(realpath scripts/shop.lua)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

LOADTOOL_STORE=none "$tool" run "$script" --demo --quiet --duration 10s --summary-json short.json >/dev/null || true
python3 - <<'PY'
import copy, json, math, random
random.seed(1)
run = json.load(open("short.json"))
seconds = [one for one in run["timeline"] if one["calls"]] or run["timeline"]
step = next((one["steps"][0] for one in seconds if one["steps"]), {"scenario": "s", "step": "s", "count": 1})
steps = [dict(step, step=f"step {n}") for n in range(50)]
day = []
for t in range(86_400):
    one = copy.deepcopy(seconds[t % len(seconds)])
    wave = 1 + 0.5 * math.sin(t / 7000) + random.random() / 10
    one["t_s"] = t
    for name in ("calls", "iterations", "p50_ms", "p95_ms", "p99_ms"):
        one[name] = type(one[name] or 0)((one[name] or 0) * wave)
    one["heat"] = [int(count * wave) for count in one["heat"]]
    one["errors"] = {"timeout": t % 3, "http": t % 5} if t % 50 == 0 else {}
    one["steps"] = steps
    day.append(one)
run["timeline"] = day
run["run"]["duration_s"] = 86_400.0
run["requests"] = [dict(run["requests"][n % len(run["requests"])], name=f"/series/{n}") for n in range(50)]
run["steps"] = [dict(run["steps"][n % len(run["steps"])], step=f"step {n}") for n in range(50)]
for metric in run["metrics"].values():
    first = metric["series"][0]
    metric["series"] = [dict(first, tags=dict(first["tags"], series=str(n))) for n in range(50)]
json.dump(run, open("day.json", "w"))
PY
echo '<!doctype html><title>empty</title>' >empty.html

now() { date +%s%N; }
began=$(now)
"$tool" report day.json -o day.html
made=$((($(now) - began) / 1000000))
open_page() {
    began=$(now)
    chromium --headless --no-sandbox --disable-gpu --user-data-dir="$folder/chromium" \
        --window-size=1200,3000 --screenshot="$folder/page.png" "file://$folder/$1" >/dev/null 2>&1
    echo $((($(now) - began) / 1000000))
}
open_page empty.html >/dev/null # the first start makes a profile
for round in 1 2 3; do
    empty=$(open_page empty.html)
    day=$(open_page day.html)
    echo "opened and painted in $((day - empty)) ms (Chromium with it: $day ms, with an empty page: $empty ms)"
done
echo "made in $made ms from $(($(wc -c <day.json) / 1000000)) MB of JSON: $(($(wc -c <day.html) / 1000)) kB"
