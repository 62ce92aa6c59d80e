#!/usr/bin/env bash
# Holds the requests that the gateway sends against an OpenAPI document of Binance spot.
#
#   tests/spec/check-binance-spot.sh OPENAPI.yaml [NEWER.yaml]
#
# A parameter that the document lacks is a violation unless the newer document has it.
# The gateway trades against the simulated venue; every request is also shown to Prism
# (`prism mock --errors`), which judges it by the document. Prints requests and violations of each
# operation; ends with 1 if there are any. Needs node and npm; Prism is installed into target/spec unless
# PRISM_HOME names a directory that has it. Not part of `make test`.
set -euo pipefail
[[ $# == [12] && -f $1 && -f ${2:-$1} ]] || { echo "usage: $0 OPENAPI.yaml [NEWER.yaml]" >&2; exit 2; }
document=$(realpath "$1")
newer=$(realpath "${2:-$1}")
here=$(realpath "$(dirname "$0")")
cd "$here/../.."

bin=${CARGO_TARGET_DIR:-target}/debug
[[ -x $bin/switchyard && -x $bin/switchyard-venue-sim && -f plugins/dist/binance.wasm ]] ||
    { echo "error: run \`make plugins\` first" >&2; exit 2; }
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

"$bin/switchyard-venue-sim" --listen 127.0.0.1:0 --seed 7 --announce >"$work/venue.json" 2>"$work/venue.log" &
started+=($!)
until_true test -s "$work/venue.json"
announced() { node -p "const a=JSON.parse(require('fs').readFileSync('$work/venue.json','utf8')); $1"; }
venue=$(announced 'a.venues[0].endpoints.spot')
control=$(announced 'a.control')

prism_port=$(free_port)
"$prism" mock --errors --host 127.0.0.1 --port "$prism_port" "$document" >"$work/prism.log" 2>&1 &
started+=($!)
until_true grep -q 'Prism is listening' "$work/prism.log"

node "$here/judge.cjs" "$prism_home" "http://127.0.0.1:$prism_port" "$venue" "$document" "$newer" >"$work/judge.port" 2>"$work/judge.log" &
started+=($!)
until_true test -s "$work/judge.port"
judge=http://127.0.0.1:$(<"$work/judge.port")

gateway=127.0.0.1:$(free_port)
cat >"$work/switchyard.toml" <<TOML
[server]
listen = "$gateway"
[store]
url = "sqlite://$work/journal.db"
[auth]
mode = "open"
[venues.binance]
adapter = "binance"
credentials = { api_key = "env:SPEC_CHECK_API_KEY", secret = "env:SPEC_CHECK_SECRET" }
[venues.binance.endpoints]
spot = "$judge"
TOML
SPEC_CHECK_API_KEY=$(announced 'a.venues[0].credentials.api_key') \
SPEC_CHECK_SECRET=$(announced 'a.venues[0].credentials.secret') \
    "$bin/switchyard" serve --config "$work/switchyard.toml" >"$work/gateway.log" 2>&1 &
started+=($!)
until_true curl -sf "http://$gateway/health/ready"

# call EXPECTED METHOD PATH [BODY]: makes a request of the gateway; its answer is left in $answer.
call() {
    local expected=$1 method=$2 path=$3 status
    local body=(); [[ $# -lt 4 ]] || body=(-H 'Content-Type: application/json' -d "$4")
    status=$(curl -s -o "$work/answer" -w '%{http_code}' -X "$method" "${body[@]}" "http://$gateway$path")
    answer=$(<"$work/answer")
    [[ $status == "$expected" ]] ||
        { echo "error: $method $path ${4:-} answered $status instead of $expected: $answer" >&2; exit 2; }
}
field() { node -p "JSON.parse(require('fs').readFileSync('$work/answer','utf8')).$1"; }
order() { printf '{"venue":"binance","symbol":"BTC/USDT","side":"%s","type":"%s","quantity":"0.01"%s}' "$1" "$2" "${3:-}"; }

call 200 GET '/v1/tickers?venue=binance&symbol=BTC/USDT'
bid=$(field 'items[0].bid')
low=$(node -p "($bid * 0.9).toFixed(2)")
for depth in 1 5 20 100 500 1000 5000; do
    call 200 GET "/v1/orderbook?venue=binance&symbol=BTC/USDT&limit=$depth"
done
call 200 GET '/v1/balances?venue=binance'
for time_in_force in gtc gtx; do
    call 201 POST /v1/orders "$(order buy limit ",\"price\":\"$low\",\"time_in_force\":\"$time_in_force\"")"
    id=$(field id)
    call 200 GET "/v1/orders/$id"
    call 200 GET '/v1/orders/active?venue=binance'
    call 200 GET '/v1/orders/active?venue=binance&symbol=BTC/USDT'
    call 200 DELETE "/v1/orders/$id"
done
for time_in_force in ioc fok; do
    call 201 POST /v1/orders "$(order buy limit ",\"price\":\"$low\",\"time_in_force\":\"$time_in_force\"")"
done
for side in buy sell; do
    call 201 POST /v1/orders "$(order $side market)"
done
from=$(date -u -d '-2 hours' +%FT%TZ)
call 200 GET "/v1/orders?source=venue&venue=binance&symbol=BTC/USDT&from=$from"
# An order whose answer is lost is looked for by its client id, among the open ones and in the history.
curl -sf -o /dev/null "$control/faults" \
    -d '{"method":"POST","path_prefix":"/api/v3/order","count":1,"action":"execute_then_drop"}'
call 202 POST /v1/orders "$(order buy limit ",\"price\":\"$low\"")"
id=$(field id)
is_new() { call 200 GET "/v1/orders/$id" && [[ $(field state) == NEW ]]; }
until_true is_new
call 200 DELETE "/v1/orders/$id"

curl -sf "$judge/_report" >"$work/report.json"
echo "requests of the gateway against $(basename "$document"), judged by Prism $("$prism" --version)"
node "$here/report.cjs" "$work/report.json" 'GET /api/v3/time' 'GET /api/v3/exchangeInfo' \
    'GET /api/v3/ticker/24hr' 'GET /api/v3/depth' 'GET /api/v3/account' 'POST /api/v3/order' \
    'GET /api/v3/order' 'DELETE /api/v3/order' 'GET /api/v3/openOrders' 'GET /api/v3/allOrders'
