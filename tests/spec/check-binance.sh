#!/usr/bin/env bash
# Holds a request of every kind that the Binance adapter makes against the OpenAPI documents of its three
# APIs.
#
#   tests/spec/check-binance.sh SPOT.yaml USDM.yaml COINM.yaml
#
# The adapter's own tests write the requests down; each is shown to Prism (`prism mock --errors`), which
# judges it by the document. Prints requests and violations of each operation; ends with 1 if there are
# any. Operations that a document lacks are named and not judged. Needs cargo, node and npm; Prism is
# installed into target/spec unless PRISM_HOME names a directory that has it. Not part of `make test`.
# check-binance-spot.sh judges what the gateway sends, this one what the adapter encodes.
set -euo pipefail
[[ $# == 3 && -f $1 && -f $2 && -f $3 ]] || { echo "usage: $0 SPOT.yaml USDM.yaml COINM.yaml" >&2; exit 2; }
declare -A documents=([spot]=$(realpath "$1") [usdm]=$(realpath "$2") [coinm]=$(realpath "$3"))
here=$(realpath "$(dirname "$0")")
cd "$here/../.."

prism_home=${PRISM_HOME:-$PWD/target/spec}
prism=$prism_home/node_modules/.bin/prism
if [[ ! -x $prism ]]; then
    echo "==> npm install @stoplight/prism-cli into $prism_home"
    npm install --silent --no-audit --no-fund --prefix "$prism_home" @stoplight/prism-cli@5
fi

work=$(mktemp -d)
started=()
finish() { for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done; wait; rm -rf "$work"; }
trap finish EXIT

free_port() { node -e 's=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'; }
until_true() {
    for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done
    echo "error: gave up waiting for: $*" >&2
    tail -n 20 "$work"/*.log >&2
    return 1
}

SPEC_CHECK_SPOT=$work/spot SPEC_CHECK_USDM=$work/usdm SPEC_CHECK_COINM=$work/coinm \
    cargo test --quiet -p switchyard-binance --tests requests_can_be_written_down >"$work/cargo.log" 2>&1 ||
    { cat "$work/cargo.log" >&2; exit 2; }

# The judge passes each request on; what answers it does not matter here.
node -e 's=require("http").createServer((q,a)=>a.end("{}")).listen(0,"127.0.0.1",()=>console.log(s.address().port))' \
    >"$work/venue.port" 2>"$work/venue.log" &
started+=($!)
until_true test -s "$work/venue.port"

failed=0
for api in spot usdm coinm; do
    document=${documents[$api]}
    port=$(free_port)
    "$prism" mock --errors --host 127.0.0.1 --port "$port" "$document" >"$work/prism-$api.log" 2>&1 &
    started+=($!)
    until_true grep -q 'Prism is listening' "$work/prism-$api.log"
    node "$here/judge.cjs" "$prism_home" "http://127.0.0.1:$port" "http://127.0.0.1:$(<"$work/venue.port")" \
        "$document" >"$work/judge-$api.port" 2>"$work/judge-$api.log" &
    started+=($!)
    until_true test -s "$work/judge-$api.port"
    judge=http://127.0.0.1:$(<"$work/judge-$api.port")
    while read -r method target; do
        curl -sf -o /dev/null -g -X "$method" -H 'X-MBX-APIKEY: key' "$judge$target"
    done <"$work/$api"
    curl -sf "$judge/_report" >"$work/report-$api.json"
    echo
    echo "$api: requests of the adapter against $(basename "$document"), judged by Prism $("$prism" --version)"
    node "$here/report.cjs" "$work/report-$api.json" || failed=1
done
exit "$failed"
