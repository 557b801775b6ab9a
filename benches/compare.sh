#!/usr/bin/env bash
# Whether `loadtool compare` is right about real runs, as docs/compare.md quotes it.
#
#   benches/compare.sh                                  (100 rounds of three runs of 10 s: 55 minutes)
#   PAIRS=10 LENGTH=12s benches/compare.sh
#   AB=1 benches/compare.sh                             (the same by --ab, two runs a round: 36 minutes)
#
# Each round makes three runs against the built-in shop: two of calls that take MS (20) ms, and one of
# calls that take a tenth more. Of the first two, none may be told to be worse or better; of the first
# and the third, something has to be worse. With AB both are targets of one run. The machine's own moods are in it: other work beside it
# makes equals differ. It uses LOADTOOL, or what is built in target: dist, release or debug.
set -euo pipefail
cd "$(dirname "$0")/.."
PAIRS=${PAIRS:-100} LENGTH=${LENGTH:-10s} MS=${MS:-20} AB=${AB:-}
SLOW=$((MS + MS / 10))
export LOADTOOL_STORE=none # what is measured is not kept
target=${CARGO_TARGET_DIR:-$PWD/target}
work=$(mktemp -d)
shop=

fail() {
  printf 'benches/compare.sh: %s\n' "$*" >&2
  exit 1
}

tidy_up() {
  [ -z "$shop" ] || { kill "$shop" 2>/dev/null && wait "$shop" 2>/dev/null || true; }
  rm -rf "$work"
}
trap tidy_up EXIT

find_tool() {
  local build
  loadtool=${LOADTOOL:-}
  for build in dist release debug; do
    [ -n "$loadtool" ] || { [ ! -x "$target/$build/loadtool" ] || loadtool=$target/$build/loadtool; }
  done
  [ -n "$loadtool" ] || fail "nothing is built; cargo build --release, or set LOADTOOL"
  printf '%s, ' "$("$loadtool" --version)" >&2
  printf '%s rounds of %s with %s\n' "$PAIRS" "$LENGTH" "$loadtool" >&2
}

open_shop() {
  "$loadtool" demo --listen 127.0.0.1:0 >"$work/shop" 2>&1 &
  shop=$!
  for _ in $(seq 100); do
    base=$(grep -o 'http://[0-9.:]*' "$work/shop" | head -n 1) && return
    sleep 0.1
  done
  fail "the shop did not open: $(cat "$work/shop")"
}

# run NAME MS: a run whose seconds are in $work/NAME.json; busy machines make runs inconclusive (4).
run() {
  local came=0
  rm -f "$work/$1.json"
  "$loadtool" run benches/lua/compare.lua --env "MS=$2" --base-url "$base" --duration "$LENGTH" --quiet \
    --out "json=$work/$1.json" >"$work/report" 2>&1 || came=$?
  case $came in 0 | 4) ;; *) fail "a run ended with $came: $(cat "$work/report")" ;; esac
}

# together NAME: a run against the shop twice, as `first` and NAME; each row's verdict, a word each.
together() {
  local came=0
  rm -f "$work/$1.json"
  "$loadtool" run benches/lua/compare.lua --env "MS=$MS" --env "SLOW=$SLOW" --ab "first=$base,$1=$base" \
    --duration "$LENGTH" --quiet --summary-json "$work/$1.json" >"$work/report" 2>&1 || came=$?
  case $came in 0 | 3 | 4) ;; *) fail "a run ended with $came: $(cat "$work/report")" ;; esac
  sed -n '/^  "variants"/,$p' "$work/$1.json" | words
}

# verdicts NAME: how the run NAME stands beside the first, a word for each row.
verdicts() {
  "$loadtool" compare "$work/first.json" "$work/$1.json" --format json >"$work/compared" || [ $? = 3 ]
  words <"$work/compared"
}

words() {
  grep -o '"verdict": *"[a-z_]*"' | cut -d'"' -f4 | sort | uniq -c | tr -s ' \n' ' '
}

find_tool
open_shop
same=0 found=0
for round in $(seq "$PAIRS"); do
  if [ -n "$AB" ]; then
    equal=$(together again) slow=$(together slower)
  else
    run first "$MS"
    run again "$MS"
    run slower "$SLOW"
    equal=$(verdicts again) slow=$(verdicts slower)
  fi
  case $equal in *regression* | *improvement*) ;; *) same=$((same + 1)) ;; esac
  case $slow in *regression*) found=$((found + 1)) ;; esac
  printf 'round %3d: equal:%s| slower:%s\n' "$round" "$equal" "$slow" >&2
done
printf '| equal runs told to be the same | %s of %s (wanted: 95 of 100) |\n' "$same" "$PAIRS"
printf '| runs a tenth slower told to be worse | %s of %s (wanted: 95 of 100) |\n' "$found" "$PAIRS"
