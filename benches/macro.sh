#!/usr/bin/env bash
# The whole tool against the clock: speed, memory and start-up, as docs/performance.md quotes them.
#
#   benches/macro.sh [speed] [journey] [memory] [crowd] [start] [growth] [pool]
#                    [omission] [arrivals] [sparse] [watching] [outputs] [store]       (default: all)
#
# The target is nginx with one worker on core 1, the generator has core 0; both and the measuring
# come from the yardsticks folder (YARDSTICKS, default ../shared/yardsticks). Machines drift: what
# is compared runs in turn, ROUNDS (5) times, and ratios of medians are printed. State lies in
# target/yard. What is measured is built first (.ci/package, which takes a while) unless LOADTOOL names
# a binary. Only processes that this script started are ended, by their ids.
set -euo pipefail
cd "$(dirname "$0")/.."
YARDSTICKS=$(realpath -m "${YARDSTICKS:-../shared/yardsticks}")
target=${CARGO_TARGET_DIR:-$PWD/target}
export YARD=${YARD:-$target/yard}
export LOADTOOL_STORE=none # what is measured is not kept
ROUNDS=${ROUNDS:-5} LENGTH=${LENGTH:-6} USERS=${USERS:-50}
base=http://127.0.0.1:18080
loadtool=${LOADTOOL:-$target/dist/loadtool} # LOADTOOL: one that is built already
bare=$target/dist/bare_reqwest
PATH=$PATH:/usr/sbin
declare -A started # by process id; who has ended is taken out, so that no reused id is hit

fail() {
  printf 'benches/macro.sh: %s\n' "$*" >&2
  exit 1
}

end_started() {
  local pid
  for pid in "${!started[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true; done
}
trap end_started EXIT

check_machine() {
  [ -x "$YARDSTICKS/measure" ] || fail "no yardsticks in $YARDSTICKS; set YARDSTICKS to their folder"
  [ "$(nproc)" -ge 2 ] || fail "two cores are needed: one for the target, one for the generator"
  local tool
  for tool in nginx wrk taskset python3 curl; do
    command -v $tool >/dev/null || fail "$tool is missing"
  done
}

build() {
  [ -n "${LOADTOOL:-}" ] || .ci/package --features bare --bin bare_reqwest
  mkdir -p "$YARD/results/raw"
  ulimit -n "$(ulimit -Hn)"
}

start_nginx() {
  ! curl -s -o /dev/null "$base/_stat" || fail "something listens on port 18080 already"
  "$YARDSTICKS/server" &
  started[$!]=nginx
  for _ in $(seq 50); do
    curl -s -o /dev/null "$base/_stat" && return
    sleep 0.1
  done
  fail "nginx did not start; see $YARD/nginx.err"
}

measured() { # NAME DIVISOR COMMAND...: one round; its line goes to results.jsonl
  "$YARDSTICKS/measure" --runs 1 --name "$1" --div "$2" -- "${@:3}" | grep -v 'rps=?' || fail "$1 sent nothing; see $YARD/results/raw"
}

ours() { # SCRIPT [OPTIONS]
  echo "$loadtool run $1 --threads 1 --base-url $base --quiet ${*:2}"
}

ratios() { # OURS OTHERS...: medians of what results.jsonl holds, and ours as a share of the others
  python3 - "$YARD/results/results.jsonl" "$@" <<'PYTHON'
import json, statistics, sys
path, ours, *others = sys.argv[1:]
rows = [json.loads(line) for line in open(path)]
rps = lambda name: [row["rps"] for row in rows if row["name"] == name]
cpu = lambda name: statistics.median(row["cpu_ms_1k"] for row in rows if row["name"] == name)
for name in (ours, *others):
    each = rps(name)
    print(f"{name:>14}: {statistics.median(each):9,.0f} requests/s ({min(each):,.0f}-{max(each):,.0f}), {cpu(name):.1f} CPU us/request")
for name in others:
    pairs = [a / b for a, b in zip(rps(ours), rps(name))]
    print(f"{ours} / {name}: {statistics.median(pairs):.2f} (median of {len(pairs)} pairs, {min(pairs):.2f}-{max(pairs):.2f})")
PYTHON
}

speed() {
  rm -f "$YARD/results/results.jsonl"
  for _ in $(seq "$ROUNDS"); do
    measured get 1 $(ours "$YARDSTICKS/get.lua" --vus "$USERS" --duration "${LENGTH}s")
    measured bare-reqwest 1 "$bare" "$base/tiny" "$USERS" "$LENGTH"
    measured wrk-lua 1 wrk -t1 -c"$USERS" -d"${LENGTH}s" -s "$YARDSTICKS/wrk.lua" "$base/tiny"
  done
  ratios get bare-reqwest wrk-lua
  echo "wanted: 0.80 of bare-reqwest, 0.60 of wrk-lua"
}

journey() {
  rm -f "$YARD/results/results.jsonl"
  for _ in $(seq "$ROUNDS"); do
    measured journey 4 $(ours "$YARDSTICKS/journey.lua" --vus "$USERS" --duration "${LENGTH}s")
    measured wrk-lua 1 wrk -t1 -c"$USERS" -d"${LENGTH}s" -s "$YARDSTICKS/wrk.lua" "$base/tiny"
  done
  ratios journey wrk-lua
}

resident_kb() { # PID
  awk '/^VmRSS/ { print $2 }' "/proc/$1/status"
}

connections() {
  curl -s "$base/_stat" | awk '/^Active/ { print $3 - 1 }'
}

run_in_background() { # LOG COMMAND...; sets pid
  : >"$1" # before the new process opens it, or its last run's lines are read
  taskset -c 0 "${@:2}" >"$1" 2>&1 </dev/null &
  pid=$!
  started[$pid]=loadtool
}

wait_for() { # SECONDS CONDITION...
  local end=$((SECONDS + $1))
  until "${@:2}"; do
    [ $SECONDS -lt $end ] || fail "waited $1 s in vain for: ${*:2}"
    sleep 0.1
  done
}

connected() { # NUMBER
  [ "$(connections)" -ge "$1" ]
}

end_run() { # PID: two signals interrupt what sleeps, and a third ends it at once
  for _ in 1 2 3; do
    kill -INT "$1" 2>/dev/null || break
    sleep 0.5
  done
  ended "$1"
}

ended() { # PID
  wait "$1" 2>/dev/null || true
  unset "started[$1]"
}

idle_kb() { # SCRIPT: a run with one user
  run_in_background "$YARD/idle.log" $(ours "$1" --vus 1 --duration 600s)
  sleep 2
  resident_kb "$pid"
  end_run "$pid"
}

memory() {
  local users=${CROWD:-10000} idle full spread
  idle=$(idle_kb benches/lua/connect.lua)
  for spread in 10 0; do
    run_in_background "$YARD/connect.log" $(ours benches/lua/connect.lua --vus "$users" --duration 600s --env SPREAD=$spread)
    wait_for 60 connected "$users"
    sleep 20 # the allocator gives back what connecting took within ten seconds
    full=$(resident_kb "$pid")
    end_run "$pid"
    per_user "who connected over $spread s" "$users" "$idle" "$full" 25
  done
  idle=$(idle_kb benches/lua/sleep.lua)
  sleeping_users "$users"
  full=$(resident_kb "$pid")
  end_run "$pid"
  per_user "without a connection" "$users" "$idle" "$full" 6
}

per_user() { # WHAT USERS IDLE_KB FULL_KB WANTED_KB
  awk -v what="$1" -v n="$2" -v idle="$3" -v full="$4" -v wanted="$5" 'BEGIN {
    printf "%d users %s: %.1f KB each (idle process %d KB, with users %d KB); wanted: at most %d\n",
      n, what, (full - idle) / n, idle, full, wanted }'
}

sleeping_users() { # NUMBER [SCRIPT [OPTIONS]]: starts them and waits until the last one is there; sets pid
  # They send nothing: with a base URL, descriptors and ports for all of them would be asked for.
  run_in_background "$YARD/sleep.log" "$loadtool" run "${2:-benches/lua/sleep.lua}" --threads 1 --quiet \
    --vus "$1" --duration 600s --env LAST="$1" "${@:3}"
  wait_for 60 grep -q "all users are here" "$YARD/sleep.log"
}

crowd() {
  local users=50000 from
  for _ in $(seq 3); do
    from=$(date +%s%N)
    sleeping_users $users
    echo "$users sleeping users were ready after $((($(date +%s%N) - from) / 1000000)) ms; wanted: at most 5000"
    end_run "$pid"
  done
}

start() {
  "$YARDSTICKS/startup" --runs 15 --name one -- "$loadtool" run "$YARDSTICKS/one.lua" --base-url http://127.0.0.1:18081
  echo "wanted: total_ms at most 30"
}

growth() {
  local early late
  run_in_background "$YARD/growth.log" $(ours "$YARDSTICKS/get.lua" --vus "$USERS" --duration 65s)
  sleep 10
  early=$(resident_kb "$pid")
  sleep 50
  late=$(resident_kb "$pid")
  ended "$pid"
  echo "resident after 10 s: $early KB, after 60 s: $late KB, grown by $((late - early)) KB; wanted: less than 5000"
}

make_table() { # ROWS FILE: as many lines of 40 bytes, header apart
  awk -v rows="$1" 'BEGIN {
    print "email,password"
    for (n = 0; n < rows; n++) printf "user%08d@shop.test,password-%07d\n", n, n % 10000000 }' >"$2"
  cat "$2" >/dev/null # what is measured is not the disk
}

pool_users() { # NUMBER [OPTIONS]: sets took (ms until the last one is there), cpu (ms) and kb, then ends them
  local from
  from=$(date +%s%N)
  sleeping_users "$1" benches/lua/pool.lua "${@:2}"
  took=$((($(date +%s%N) - from) / 1000000))
  cpu=$(awk '{ print ($14 + $15) * 10 }' "/proc/$pid/stat") # in ticks of 10 ms; the name has no blanks
  kb=$(resident_kb "$pid")
  end_run "$pid"
}

pool() { # what a table of ROWS lines costs beyond the same users without it
  local rows=${ROWS:-10000000} table=$YARD/pool.csv users took cpu kb without without_cpu without_kb
  make_table "$rows" "$table"
  for users in 1 10000; do
    pool_users "$users"
    without=$took without_cpu=$cpu without_kb=$kb
    pool_users "$users" --env POOL="$table"
    awk -v n="$users" -v rows="$rows" -v ms=$((took - without)) -v cpu=$((cpu - without_cpu)) -v idle="$without_kb" -v full="$kb" \
      -v bytes="$(stat -c %s "$table")" 'BEGIN {
      printf "%d rows for %d users: opened in %d ms (%d of CPU), %.2f times the file in memory (%d KB without, %d KB with); wanted: 5000 ms, 1.30\n",
        rows, n, ms, cpu, (full - idle) * 1024 / bytes, idle, full }'
  done
  rm -f "$table"
}

told() { # SUMMARY EXPRESSION: prints what Python makes of the summary `s` and of its first scenario `one`
  python3 - "$1" "$2" <<'PYTHON'
import base64, json, struct, sys, zlib

def above(times, limit_ms):
    """How many samples of a distribution are above a limit, by its histogram (HdrHistogram's V2 encoding, in us)."""
    counts = zlib.decompress(base64.b64decode(times["hdr"])[8:])[40:]
    index = found = at = 0
    while at < len(counts):
        word = shift = 0
        while True: # ZigZag LEB128, of at most nine bytes, the last of which is whole
            byte = counts[at]
            word |= (byte if shift == 56 else byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128 or shift == 63:
                break
        number = (word >> 1) ^ -(word & 1)
        if number < 0: # as many empty ones
            index -= number
            continue
        exponent, place = max(index // 1024 - 1, 0), index % 1024 + (1024 if index >= 1024 else 0)
        found += number if (place << exponent) > limit_ms * 1000 else 0
        index += 1
    return found

s = json.load(open(sys.argv[1]))
one = s["scenarios"][0]
print(eval("f" + repr(sys.argv[2])))
PYTHON
}

open_run() { # NAME SCRIPT [OPTIONS]: an open load under `measure`; its summary is in $YARD/NAME.json
  "$YARDSTICKS/measure" --runs 1 "${stall[@]}" --name "$1" -- \
    $(ours "$2" --summary-json "$YARD/$1.json" "${@:3}") | sed 's/^/  /'
}

omission() { # nginx frozen for a second under 500 arrivals/s: who waits is counted
  local max_vus stall=(--stall 4,1)
  for max_vus in 1000 50 5; do
    open_run "frozen-$max_vus" "$YARDSTICKS/get.lua" --rate 500 --duration 10s --max-vus $max_vus
    told "$YARD/frozen-$max_vus.json" "max_vus $max_vus: response time p95 {one['response_time_ms']['p95']:.0f} ms (wanted: 450 to 550), {above(one['response_time_ms'], 100)} above 100 ms (wanted: 435 to 465), adherence {one['adherence_percent']:.2f} % (wanted: above 99), service time p95 {one['duration_ms']['p95']:.2f} ms; planned {one['iterations']['planned']}, started {one['iterations']['started']}, dropped {one['iterations']['dropped']}; verdict {s['verdict']['result']}"
  done
  open_run frozen-journey "$YARDSTICKS/journey.lua" --rate 100 --duration 10s --max-vus 1000
  told "$YARD/frozen-journey.json" "the journey at 100/s: response time p95 {one['response_time_ms']['p95']:.0f} ms, service time p95 {one['duration_ms']['p95']:.2f} ms; planned {one['iterations']['planned']}, started {one['iterations']['started']}; verdict {s['verdict']['result']}"
}

arrivals() { # open loads without a freeze: CPU, and how late arrivals start by our doing
  local rate stall=()
  for rate in 5000 20000; do
    open_run "rate-$rate" "$YARDSTICKS/get.lua" --rate $rate --duration 10s --max-vus 1000
    told_arrivals $rate
  done
  null_arrivals 10000
}

null_arrivals() { # RATE: against the built-in null target, so that nothing but the generator can be late
  local base=http://127.0.0.1:18095 null
  taskset -c 1 "$loadtool" demo --null --listen "${base#http://}" >"$YARD/null.log" 2>&1 &
  null=$!
  started[$null]=null
  wait_for 5 grep -q 'null target on' "$YARD/null.log"
  run_in_background "$YARD/null-run.log" $(ours "$YARDSTICKS/get.lua" --rate "$1" --duration 10s --max-vus 1000 --summary-json "$YARD/rate-$1.json")
  ended "$pid"
  told_arrivals "$1" ', null target'
  kill "$null" && ended "$null"
}

told_arrivals() { # RATE WHAT
  told "$YARD/rate-$1.json" "$1/s${2:-}: planned {one['iterations']['planned']}, started {one['iterations']['started']}, late {one['iterations']['late']}, dropped {one['iterations']['dropped']}; our lag p50 {one['lag_generator_ms']['p50']:.3f} ms, p99 {one['lag_generator_ms']['p99']:.3f} ms; verdict {s['verdict']['result']}"
}

sparse() { # 10,000 users, a request each every ten seconds: the target is idle, and must be seen to be
  local stall=()
  open_run sparse benches/lua/sparse.lua --vus 10000 --duration 40s
  told "$YARD/sparse.json" "10,000 users at 1,000/s: p95 of calls {s['totals']['calls']['latency_ms']['p95']:.2f} ms (nginx needs less than 0.1; wanted: at most 2 more), p99 {s['totals']['calls']['latency_ms']['p99']:.2f} ms; verdict {s['verdict']['result']}"
}

watching() { # what health, the timeline and thresholds cost: the CPU of all threads but the worker's
  run_in_background "$YARD/watching.log" $(ours benches/lua/watched.lua)
  sleep 25
  awk '{ gsub(/\(.*\)/, "x"); cpu = ($14 + $15) * 10
         if (FILENAME ~ worker) load += cpu; else watch += cpu }
       END { printf "workers %d ms of CPU in 25 s, all other threads %d ms: %.2f %%; wanted: less than 1\n", load, watch, 100 * watch / (load + watch) }' \
    worker="/$(grep -l '^worker-' /proc/"$pid"/task/*/comm | cut -d/ -f5)/" /proc/"$pid"/task/*/stat
  ended "$pid"
}

sink() { # takes whatever is posted to port 18091 or sent to 18093, on the target's core
  taskset -c 1 python3 - <<'PYTHON' >/dev/null 2>&1 &
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
packets.bind(("127.0.0.1", 18093))  # what nobody reads the system throws away

class Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", 18091), Sink).serve_forever()
PYTHON
  started[$!]=sink
}

viewers() { # five of the dashboard, as soon as it is there
  local viewer
  viewing=()
  for viewer in 1 2 3 4 5; do
    taskset -c 1 curl -sN --retry 20 --retry-delay 1 --retry-connrefused --retry-max-time 10 --max-time "$((LENGTH + 15))" \
      http://127.0.0.1:18090/events >"$YARD/viewer.$viewer" 2>/dev/null &
    viewing+=($!)
    started[$!]=viewer
  done
}

outputs() { # the dashboard with five viewers and every output there is, against none of them;
            # no-requests: without viewers, and without `samples`, which has each request
  local out=$YARD/out viewer pid
  local all=(--dashboard=127.0.0.1:18090 --html "$out/report.html" --summary-json "$out/summary.json"
    --out "json=$out/seconds.json" --out "csv=$out/tables/" --out "junit=$out/junit.xml" --out "samples=$out/samples"
    --out prometheus=18092 --out prometheus-rw=http://127.0.0.1:18091 --out otlp=http://127.0.0.1:18091
    --out influx=http://127.0.0.1:18091/load --out statsd=127.0.0.1:18093)
  rm -rf "$YARD/results/results.jsonl" "$out"
  mkdir -p "$out"
  sink
  for _ in $(seq "$ROUNDS"); do
    viewers
    measured all-outputs 1 $(ours "$YARDSTICKS/get.lua" --vus "$USERS" --duration "${LENGTH}s" "${all[@]}")
    for pid in "${viewing[@]}"; do ended "$pid"; done
    measured no-requests 1 $(ours "$YARDSTICKS/get.lua" --vus "$USERS" --duration "${LENGTH}s" ${all[@]/#samples=*/json=$out/more.json})
    measured no-outputs 1 $(ours "$YARDSTICKS/get.lua" --vus "$USERS" --duration "${LENGTH}s")
  done
  for viewer in 1 2 3 4 5; do grep -q '"second"' "$YARD/viewer.$viewer" || fail "viewer $viewer saw no second"; done
  ratios all-outputs no-outputs
  ratios no-requests no-outputs
  python3 -c '
import json, sys
for one in json.load(open(sys.argv[1]))["outputs"]: print(one["kind"], "lost", one["lost"], one["error"] or "")' "$out/summary.json"
  echo "wanted: 0.95"
}

store() { # every second kept, against nothing kept: requests per second and CPU per request
  local file=$YARD/runs.db run="$YARDSTICKS/get.lua --vus $USERS --duration ${LENGTH}s"
  rm -f "$YARD/results/results.jsonl" "$file" "$file"-*
  for _ in $(seq "$ROUNDS"); do
    measured kept 1 $(ours $run --store "$file")
    measured not-kept 1 $(ours $run)
  done
  ratios kept not-kept
  "$loadtool" runs --store "$file" --limit 1
  echo "wanted: 0.98, and no more than 1.02 times the CPU per request"
}

check_machine
build
start_nginx
for part in "${@:-speed journey memory crowd start growth pool omission arrivals sparse watching outputs store}"; do
  for one in $part; do
    printf '\n== %s\n' "$one"
    case $one in
      speed | journey | memory | crowd | start | growth | pool | omission | arrivals | sparse | watching | outputs | store) "$one" ;;
      *) fail "no such part: $one" ;;
    esac
  done
done
