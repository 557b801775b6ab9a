#!/usr/bin/env bash
# Ground truth for `loadtool limit`: targets whose limit is known, each searched RUNS times with
# another seed; how many of the answers hold the truth, and whether Little's law agrees.
#
#   benches/limit.sh [nginx] [demo]                                                     (default: both)
#   RATES="300" RUNS=3 benches/limit.sh nginx
#
# nginx refuses with 503 what is above `limit_req rate=Nr/s`. Without a burst it would refuse every
# arrival that comes less than 1/N s after the last one, so the limit would be that of our
# punctuality; `burst` forgives 50 ms of the rate's arrivals at once, and `nodelay` answers them at
# once. What is held longer than that fills it up: the truth is N, or at most burst / (warm-up + hold)
# more. The demo serves N requests per second one after the other (`--capacity`): what comes faster
# waits longer and longer, so there the truth is N, or at most what a p95 of 100 ms forgives.
#
# Nothing is pinned and nothing is built: LOADTOOL is the tool (default: the newest build under
# target). State lies in target/yard/limit; only processes that this script started are ended.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
RATES=${RATES:-300 1000 3000} RUNS=${RUNS:-10} FIRST=${FIRST:-1}
WARMUP=${WARMUP:-2} HOLD=${HOLD:-6} COOLDOWN=${COOLDOWN:-1} # in seconds
THREADS=${THREADS:-1}
state=${YARD:-$target/yard}/limit
port=${PORT:-18090}
PATH=$PATH:/usr/sbin
server= # its process id, while one runs

fail() {
  printf 'benches/limit.sh: %s\n' "$*" >&2
  exit 1
}

end_server() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; }
  server=
}
trap end_server EXIT

newest_build() {
  ls -t "$target"/{dist,release,debug}/loadtool 2>/dev/null | head -n 1
}

start() { # COMMAND...: a server on the port, in the background
  ! curl -s -o /dev/null "http://127.0.0.1:$port/" || fail "something listens on port $port already"
  "$@" >"$state/server.log" 2>&1 &
  server=$!
  for _ in $(seq 50); do
    curl -s -o /dev/null "http://127.0.0.1:$port/" && return
    sleep 0.1
  done
  fail "the target did not start; see $state/server.log"
}

start_nginx() { # RATE
  cat >"$state/nginx.conf" <<CONF
daemon off;
worker_processes 1;
error_log $state/nginx.err emerg;
pid $state/nginx.pid;
events { worker_connections 10000; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path $state/body;
  proxy_temp_path $state/proxy;
  fastcgi_temp_path $state/fastcgi;
  uwsgi_temp_path $state/uwsgi;
  scgi_temp_path $state/scgi;
  limit_req_zone \$server_name zone=all:1m rate=$1r/s;
  limit_req_status 503;
  server {
    listen 127.0.0.1:$port;
    server_name all;
    location / { limit_req zone=all burst=$(burst "$1") nodelay; empty_gif; }
  }
}
CONF
  start nginx -p "$state" -c "$state/nginx.conf"
}

burst() { # RATE: arrivals of 50 ms
  echo $((($1 + 19) / 20))
}

start_demo() { # RATE
  start "$loadtool" demo --listen "127.0.0.1:$port" --capacity "$1"
}

search() { # NAME SEED RATE: from another level each time, so that other levels are tried
  "$loadtool" limit benches/lua/limit.lua --base-url "http://127.0.0.1:$port" --seed "$2" \
    --from $(($3 / 4 + $2 * $3 / 100)) --to $(($3 * 8)) --warmup "${WARMUP}s" --hold "${HOLD}s" --cooldown "${COOLDOWN}s" \
    --threads "$THREADS" --quiet --summary-json "$state/$1-$2.json" >"$state/$1-$2.txt" 2>&1 || true
}

judge() { # NAME RATE MORE: how many answers hold the truth, which is RATE to RATE + MORE
  python3 - "$state" "$@" <<'PYTHON'
import glob, json, sys
state, name, rate, more = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
found, laws = [], []
for path in sorted(glob.glob(f"{state}/{name}-*.json")):
    limit = json.load(open(path))["limit"]
    lower, upper = limit["lower"], limit["upper"]
    good = lower is not None and upper is not None and lower <= rate + more and upper >= rate
    laws += [one["littles_law"] for one in limit["steps"] if one["verdict"] == "pass" and one["littles_law"]]
    # What says of itself that it cannot tell is no answer, and no wrong one.
    found.append("undecided" if limit["verdict"] != "pass" else "holds" if good else "MISSES")
    width = "" if None in (lower, upper) else f", {100 * (upper / lower - 1):.1f} % wide"
    print(f"  {found[-1]:9} {lower} to {upper}{width}, {len(limit['steps'])} holds: {limit['next_limit']}")
count = {word: found.count(word) for word in ("holds", "MISSES", "undecided")}
print(f"{name}: of {len(found)} answers {count['holds']} hold {rate:.0f} to {rate + more:.0f}/s, {count['MISSES']} miss it, {count['undecided']} are undecided; wanted: 9 of 10 hold it")
if laws:
    agree = sum(abs(law - 1) <= 0.1 for law in laws)
    print(f"{name}: Little's law within 10 % in {agree} of {len(laws)} holds that passed ({min(laws):.2f} to {max(laws):.2f}); wanted: all")
PYTHON
}

ground_truth() { # nginx|demo RATE MORE
  local name=$1-$2 seed
  rm -f "$state/$name"-*.json
  "start_$1" "$2"
  for seed in $(seq "$FIRST" $((FIRST + RUNS - 1))); do search "$name" "$seed" "$2"; done
  end_server
  judge "$name" "$2" "$3"
}

loadtool=${LOADTOOL:-$(newest_build)}
[ -x "$loadtool" ] || fail "there is no build under $target; cargo build --release, or set LOADTOOL"
for tool in nginx curl python3; do
  command -v $tool >/dev/null || fail "$tool is missing"
done
mkdir -p "$state"
printf '%s\n' "$($loadtool --version), $loadtool; holds of $HOLD s after $WARMUP s"
for part in "${@:-nginx demo}"; do
  for one in $part; do
    for rate in $RATES; do
      printf '\n== %s, %s/s\n' "$one" "$rate"
      case $one in
        nginx) ground_truth nginx "$rate" $(($(burst "$rate") / (WARMUP + HOLD) + 1)) ;;
        # A queue of N/s that is fed faster by N·x for T s delays the last by x·T.
        demo) ground_truth demo "$rate" $((rate * 100 / (WARMUP + HOLD) / 1000 + 1)) ;;
        *) fail "no such part: $one" ;;
      esac
    done
  done
done
