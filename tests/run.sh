#!/usr/bin/env bash
# Installs what the tests need beside a Rust toolchain and a C compiler, then runs them all.
# Arguments go to `cargo test`. Installed are nginx, tinyproxy and microsocks (by apt) and httpbin
# (by pip, under target/), servers and proxies that were not written here, Prometheus (by apt) and
# OpenTelemetry's messages (by pip), which read what is sent on to them, openssl to make keys, and
# (by apt) Lua modules that scripts may want, libfaketime, which makes clocks jump, `script`,
# which plays a terminal, setpriv, which takes rights away, git, whose commits runs are named by, and
# Chromium, in which dashboard and report are opened.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=${CARGO_TARGET_DIR:-$PWD/target}/tools
PATH=$PATH:/usr/sbin:/sbin

fail() {
  printf 'tests/run.sh: %s\n' "$*" >&2
  exit 1
}

apt_install() {
  command -v apt-get >/dev/null || fail "please install $*: there is no apt-get here to do it"
  local as_root=(env DEBIAN_FRONTEND=noninteractive)
  [ "$(id -u)" = 0 ] || as_root=(sudo "${as_root[@]}")
  printf 'installing %s\n' "$*"
  { "${as_root[@]}" apt-get -qq update && "${as_root[@]}" apt-get -qq install -y --no-install-recommends "$@"; } \
    >/dev/null </dev/null || fail "apt-get could not install $*; can it reach its registry?"
}

httpbin_works() {
  "$tools/httpbin/bin/python" -c 'import httpbin, gunicorn, opentelemetry.proto.metrics.v1.metrics_pb2' 2>/dev/null
}

install_httpbin() {
  python3 -c 'import venv, ensurepip' 2>/dev/null || apt_install python3 python3-venv
  printf 'installing httpbin and opentelemetry-proto under %s\n' "$tools"
  rm -rf "$tools/httpbin"
  python3 -m venv "$tools/httpbin" || fail "python3 could not make a virtual environment"
  "$tools/httpbin/bin/python" -m pip install --quiet --disable-pip-version-check 'httpbin==0.10.*' gunicorn \
    'opentelemetry-proto==1.*' \
    </dev/null || fail "pip could not install httpbin and opentelemetry-proto; can it reach its registry?"
}

command -v cargo >/dev/null || fail "there is no cargo: install Rust, see https://rustup.rs"
command -v cc >/dev/null || fail "there is no C compiler (cc): install gcc or clang"
command -v git >/dev/null || apt_install git
command -v nginx >/dev/null || apt_install nginx-light
command -v tinyproxy >/dev/null || apt_install tinyproxy-bin
command -v microsocks >/dev/null || apt_install microsocks
ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || apt_install libfaketime
command -v script >/dev/null || apt_install bsdutils
command -v setpriv >/dev/null || apt_install util-linux
command -v openssl >/dev/null || apt_install openssl
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
  || apt_install chromium
command -v prometheus >/dev/null || apt_install prometheus
[ -e /usr/share/lua/5.4/pl/init.lua ] && [ -e /usr/share/lua/5.4/dkjson.lua ] && [ -e /usr/share/lua/5.4/argparse.lua ] \
  && [ -e /usr/share/lua/5.1/inspect.lua ] \
  || apt_install lua-penlight lua-inspect lua-dkjson lua-argparse lua-cjson
httpbin_works || install_httpbin

export LOADTOOL_GUNICORN=$tools/httpbin/bin/gunicorn
export LOADTOOL_STORE=none # no test's run is its user's
exec cargo test --locked "$@"
