#!/bin/sh
# Makes the pictures of the docs: a run of the demo shop, its dashboard while it goes on, and its
# report, in headless Chromium, made small by pngquant.
#
#   docs/pictures.sh [LOADTOOL]        a binary; target/debug/loadtool unless you say
set -eu
cd "$(dirname "$0")/.."
tool=$(realpath "${1:-target/debug/loadtool}")
script=$(realpath scripts/shop.lua)
pictures=$(realpath docs)/pictures
mkdir -p "$pictures"
folder=$(mktemp -d)
run=
trap 'test -z "$run" || kill "$run" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder"

# shot NAME WIDTHxHEIGHT URL [FLAGS]: a picture in few colours, which is small.
shot() {
    name=$1 size=$2 url=$3
    shift 3
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$folder/chromium" \
        --window-size="${size%x*},${size#*x}" --screenshot="$folder/$name.png" --timeout=6000 \
        "$@" "$url" >/dev/null 2>&1
    pngquant --force --strip --output "$pictures/$name.png" 64 "$folder/$name.png"
    echo "$pictures/$name.png: $(($(wc -c <"$pictures/$name.png") / 1000)) kB"
}

LOADTOOL_STORE=none "$tool" run "$script" --demo --dashboard=127.0.0.1:0 --duration 40s --threads 1 --html report.html \
    --summary-json report.json >report.txt 2>talk.txt &
run=$!
until grep -q 'dashboard: ' talk.txt; do sleep 0.2; done
sleep 15
address=$(sed -n 's/^dashboard: //p' talk.txt)
shot dashboard 1200x1000 "$address"
wait "$run" || true
run=
shot report 1000x1900 "file://$folder/report.html"
