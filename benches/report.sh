#!/bin/sh
# How long the HTML report of a day takes to be made and to be opened: a run of the demo shop whose
# timeline is stretched to 86,400 seconds and whose calls, steps and metrics to 50 series each, in
# headless Chromium. What an empty page takes is told beside it.
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
    one["heat"] = [int(count * wave) for count in one.get("heat", [])]
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
echo "made in $made ms from $(($(wc -c <day.json) / 1000000)) MB of JSON: $(($(wc -c <day.html) / 1000)) kB"
# Opened by the browser's own tools, over descriptors 3 and 4: from the call to the second frame
# after the page is complete, so what it takes to start Chromium is not in it.
cat >open.py <<'PY'
import json, os, subprocess, sys, time
command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
           "--user-data-dir=" + os.path.abspath("profile")]
browser = subprocess.Popen(["sh", "-c", 'exec "$@" 3<&0 4>&1 2>/dev/null', "sh", *command],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
session, last, read = None, 0, b""

def call(method, **params):
    global last, read
    last += 1
    message = {"id": last, "method": method, "params": params} | ({"sessionId": session} if session else {})
    browser.stdin.write(json.dumps(message).encode() + b"\0")
    browser.stdin.flush()
    while True:
        while b"\0" not in read:
            read += os.read(browser.stdout.fileno(), 1 << 16)
        said, read = read.split(b"\0", 1)
        said = json.loads(said)
        if said.get("id") == last:
            return said["result"]

FRAMES = """new Promise((done) => {
  const frames = () => requestAnimationFrame(() => requestAnimationFrame(done));
  document.readyState === "complete" ? frames() : addEventListener("load", frames);
})"""
for page in ["empty", "day", "day", "day"]:
    target = call("Target.createTarget", url="about:blank")["targetId"]
    session = call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    call("Emulation.setDeviceMetricsOverride", width=1200, height=3000, deviceScaleFactor=1, mobile=False)
    call("Performance.enable")
    began = time.monotonic()
    call("Page.navigate", url=f"file://{os.path.abspath(page)}.html")
    call("Runtime.evaluate", expression=FRAMES, awaitPromise=True)
    took = 1000 * (time.monotonic() - began)
    metrics = {one["name"]: one["value"] for one in call("Performance.getMetrics")["metrics"]}
    parts = ", ".join(f"{name} {1000 * metrics[name + 'Duration']:.0f} ms" for name in ["Script", "Layout", "RecalcStyle"])
    print(f"{page}: opened and painted in {took:.0f} ms ({parts}; {metrics['Nodes']:.0f} nodes)")
    session = None
    call("Target.closeTarget", targetId=target)
call("Browser.close")
PY
python3 open.py
