#!/usr/bin/env bash
# Holds every request made of Binance against the OpenAPI documents of its three APIs, which you bring.
#
#   tests/spec/check-binance.sh SPOT.yaml USDM.yaml COINM.yaml [NEWER_SPOT.yaml]
#
# The gateway trades every product on the simulated venue, so that what is judged is what it sends. After
# that come the requests that the adapter's tests write down, one of every kind, as some are about orders
# that the gateway does not place. Each request is shown to Prism (`prism mock --errors`), which judges it by
# the document. A parameter that a document lacks is a violation unless the newer document has it; an
# operation that it lacks is named and not judged.
#
# Prints requests and violations of each operation; ends with 1 if there are any, or if a call that the
# adapter declares was not tried. Needs cargo, node and npm, and `make plugins` before; Prism is installed
# into target/spec unless PRISM_HOME names a directory that has it. Not part of `make test`.
set -euo pipefail
[[ ($# == 3 || $# == 4) && -f $1 && -f $2 && -f $3 && -f ${4:-$1} ]] ||
    { echo "usage: $0 SPOT.yaml USDM.yaml COINM.yaml [NEWER_SPOT.yaml]" >&2; exit 2; }
apis=(spot usdm coinm)
declare -A document=([spot]=$(realpath "$1") [usdm]=$(realpath "$2") [coinm]=$(realpath "$3"))
declare -A newer=([spot]=$(realpath "${4:-$1}") [usdm]=${document[usdm]} [coinm]=${document[coinm]})
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
control=$(announced 'a.control')

declare -A judge
for api in "${apis[@]}"; do
    port=$(free_port)
    "$prism" mock --errors --host 127.0.0.1 --port "$port" "${document[$api]}" >"$work/prism-$api.log" 2>&1 &
    started+=($!)
    until_true grep -q 'Prism is listening' "$work/prism-$api.log"
    node "$here/judge.cjs" "$prism_home" "http://127.0.0.1:$port" "$(announced "a.venues[0].endpoints.$api")" \
        "${document[$api]}" "${newer[$api]}" >"$work/judge-$api.port" 2>"$work/judge-$api.log" &
    started+=($!)
    until_true test -s "$work/judge-$api.port"
    judge[$api]=http://127.0.0.1:$(<"$work/judge-$api.port")
done

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
$(for api in "${apis[@]}"; do echo "$api = \"${judge[$api]}\""; done)
TOML
SPEC_CHECK_API_KEY=$(announced 'a.venues[0].credentials.api_key') \
SPEC_CHECK_SECRET=$(announced 'a.venues[0].credentials.secret') \
    "$bin/switchyard" serve --config "$work/switchyard.toml" >"$work/gateway.log" 2>&1 &
started+=($!)
until_true curl -sf "http://$gateway/health/ready"

# call EXPECTED METHOD PATH [BODY]: makes a request of the gateway; its answer is left in $work/answer.
call() {
    local expected=$1 method=$2 path=$3 status
    local body=(); [[ $# -lt 4 ]] || body=(-H 'Content-Type: application/json' -d "$4")
    status=$(curl -s -o "$work/answer" -w '%{http_code}' -X "$method" "${body[@]}" "http://$gateway$path")
    [[ $status =~ ^($expected)$ ]] || {
        echo "error: $method $path ${4:-} answered $status instead of $expected: $(<"$work/answer")" >&2
        exit 2
    }
}
field() { node -p "JSON.parse(require('fs').readFileSync('$work/answer','utf8')).$1"; }

# trade ROOT SYMBOL QUANTITY LESS: everything that the REST API lets be done on one instrument.
trade() {
    local root=$1 symbol=$2 quantity=$3 less=$4 bid low lower from id
    local of="venue=binance&symbol=$symbol"
    order() { printf '{"venue":"binance","symbol":"%s","side":"%s","type":"%s","quantity":"%s"%s}' "$symbol" "$1" "$2" "$quantity" "${3:-}"; }
    is_new() { call 200 GET "/v1/orders/$id" && [[ $(field state) == NEW ]]; }

    call 200 GET "/v1/tickers?$of"
    bid=$(field 'items[0].bid')
    low=$(node -p "($bid * 0.97).toFixed(1)") lower=$(node -p "($bid * 0.96).toFixed(1)")
    for depth in 1 5 20 50 100 500 1000; do call 200 GET "/v1/orderbook?$of&limit=$depth"; done
    from=$(date -u -d '-2 hours' +%FT%TZ)
    for interval in 1m 1h 1d 1w; do call 200 GET "/v1/candles?$of&interval=$interval&limit=5"; done
    call 200 GET "/v1/candles?$of&from=$from&to=$(date -u +%FT%TZ)"

    for time_in_force in gtc gtx; do
        call 201 POST /v1/orders "$(order buy limit ",\"price\":\"$low\",\"time_in_force\":\"$time_in_force\"")"
        id=$(field id)
        call 200 GET "/v1/orders/active?$of"
        call 200 PATCH "/v1/orders/$id" "{\"price\":\"$lower\"}"
        call 200 PATCH "/v1/orders/$id" "{\"quantity\":\"$less\"}"
        call 200 GET "/v1/orders/$id"
        call 200 DELETE "/v1/orders/$id"
    done
    for time_in_force in ioc fok; do # a fill-or-kill that does not fill is refused or expires
        call '201|422' POST /v1/orders "$(order buy limit ",\"price\":\"$low\",\"time_in_force\":\"$time_in_force\"")"
    done
    call 201 POST /v1/orders "$(order buy market)"
    id=$(field id)
    call 200 GET "/v1/fills?order_id=$id"
    call 200 GET "/v1/fills?$of&from=$from"
    if [[ $root != /api/v3 ]]; then
        local high; high=$(node -p "($bid * 1.03).toFixed(1)")
        call 201 POST /v1/orders "$(order sell limit ",\"price\":\"$high\",\"reduce_only\":true")"
        id=$(field id)
        call 200 PATCH "/v1/orders/$id" "{\"quantity\":\"$less\"}"
        call 200 DELETE "/v1/orders/$id"
        call 201 POST /v1/orders "$(order sell market ',"reduce_only":true')"
    else
        call 201 POST /v1/orders "$(order sell market)"
    fi

    # An order whose answer is lost is looked for by its client id.
    curl -sf -o /dev/null "$control/faults" \
        -d "{\"method\":\"POST\",\"path_prefix\":\"$root/order\",\"count\":1,\"action\":\"execute_then_drop\"}"
    call 202 POST /v1/orders "$(order buy limit ",\"price\":\"$low\"")"
    id=$(field id)
    until_true is_new
    call 200 DELETE "/v1/orders?$of&scope=account"
    call 200 GET "/v1/orders?source=venue&$of&from=$from&limit=5"
}

trade /api/v3 BTC/USDT 0.01 0.005
trade /fapi/v1 BTC/USDT:USDT 0.01 0.005
trade /fapi/v1 ETH/USDC:USDC 0.5 0.2
trade /fapi/v1 BTC/USDT:USDT-261225 0.01 0.005
trade /dapi/v1 BTC/USD:BTC 5 3
trade /dapi/v1 BTC/USD:BTC-261225 5 3
call 200 GET '/v1/balances?venue=binance'
call 200 GET '/v1/positions?venue=binance'
call 200 GET '/v1/orders/active?venue=binance'
call 200 DELETE '/v1/orders?venue=binance&scope=account'

SPEC_CHECK_SPOT=$work/spot SPEC_CHECK_USDM=$work/usdm SPEC_CHECK_COINM=$work/coinm \
    cargo test --quiet -p switchyard-binance --tests requests_can_be_written_down >"$work/cargo.log" 2>&1 ||
    { cat "$work/cargo.log" >&2; exit 2; }
for api in "${apis[@]}"; do # the venue refuses them, as they are signed for show
    while read -r method target; do
        curl -sf -o /dev/null -g -X "$method" -H 'X-MBX-APIKEY: key' "${judge[$api]}$target" || [[ $? == 22 ]]
    done <"$work/$api"
done

failed=0
for api in "${apis[@]}"; do
    curl -sf "${judge[$api]}/_report" >"$work/report.json"
    mapfile -t declared < <("$bin/switchyard" plugin inspect plugins/dist/binance.wasm |
        sed -nE "s|^(  calls)? +([A-Z]+) +$api:(/[^ ]*).*|\2 \3|p")
    echo
    echo "$api: requests against $(basename "${document[$api]}"), judged by Prism $("$prism" --version)"
    node "$here/report.cjs" "$work/report.json" "${declared[@]}" || failed=1
done
exit "$failed"
