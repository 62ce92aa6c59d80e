#!/usr/bin/env bash
# Tries the REST API out by its own description: Schemathesis makes requests of every operation of /openapi.json, right
# and wrong ones, and fails on a server error, and on an answer that the description does not have: each status, and the
# code of each problem, must stand there (schemathesis_hooks.py). It does so with the key of a viewer, of a trader and of
# an operator, in this order.
#
#   make check-api                            # what needs to be built first, then this
#   tests/spec/check-api.sh [EXAMPLES]        # cases of each operation and key, 40 where absent
#
# The gateway trades on the simulated venue. Halts go last and alone: under one, orders are refused with 503 as they
# should be. Needs cargo, node, python3 and `make plugins` before; Schemathesis is installed into target/spec unless
# SCHEMATHESIS names one that is there. The seed is printed; SEED sets it. A short
# version, without halts, is a part of `make test` (tests/end-to-end/tests/gateway/description.rs).
set -euo pipefail
examples=${1:-40}
seed=${SEED:-20261121}
here=$(realpath "$(dirname "$0")")
cd "$here/../.."

bin=${CARGO_TARGET_DIR:-target}/debug
[[ -x $bin/switchyard && -x $bin/switchyard-venue-sim && -f plugins/dist/binance.wasm ]] ||
    { echo "error: run \`make plugins\` first" >&2; exit 2; }
schemathesis=${SCHEMATHESIS:-$PWD/target/spec/python/bin/schemathesis}
if [[ ! -x $schemathesis ]]; then
    echo "==> pip install schemathesis into target/spec/python"
    python3 -m venv target/spec/python
    target/spec/python/bin/pip install --quiet 'schemathesis==4.32.5'
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

"$bin/switchyard-venue-sim" --listen 127.0.0.1:0 --seed "$seed" --announce >"$work/venue.json" 2>"$work/venue.log" &
started+=($!)
until_true test -s "$work/venue.json"
announced() { node -p "const a=JSON.parse(require('fs').readFileSync('$work/venue.json','utf8')); $1"; }

roles=(viewer trader operator)
declare -A keys
for role in "${roles[@]}"; do keys[$role]=$role-$RANDOM$RANDOM$RANDOM; done
gateway=127.0.0.1:$(free_port)
cat >"$work/switchyard.toml" <<TOML
[server]
listen = "$gateway"
[plugins]
directory = "plugins/dist"
code_cache = "$PWD/target/test-code-cache"
state_directory = "$work/plugins"
[store]
url = "sqlite://$work/journal.db"
[auth.quota] # what is tried is the API, and not how often it may be called
requests = 1000000000
window_seconds = 1
[auth.lockout]
failures = 1000000
$(for role in "${roles[@]}"; do
    printf '[[auth.keys]]\nid = "%s"\nhash = "%s"\ntenant = "check"\nrole = "%s"\n' \
        "$role" "$(printf %s "${keys[$role]}" | sha256sum | cut -d' ' -f1)" "$role"
done)
[venues.binance]
adapter = "binance"
credentials = { api_key = "env:API_CHECK_API_KEY", secret = "env:API_CHECK_SECRET" }
# The simulator is not to be the bottleneck, and no venue's trouble is to look like the gateway's.
breaker.minimum_calls = 10000
[venues.binance.endpoints]
spot = "$(announced 'a.venues[0].endpoints.spot')"
TOML
API_CHECK_API_KEY=$(announced 'a.venues[0].credentials.api_key') \
API_CHECK_SECRET=$(announced 'a.venues[0].credentials.secret') \
    "$bin/switchyard" serve --config "$work/switchyard.toml" >"$work/gateway.log" 2>&1 &
gateway_pid=$!
started+=("$gateway_pid")
until_true curl -sf "http://$gateway/health/ready"

# Beside server errors and answers that are not described: that what is wrong is refused and what needs a key has one.
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance
checks+=,response_schema_conformance,unsupported_method,ignored_auth,use_after_free,problems_are_the_described_ones
# try ROLE [ARGUMENT...]
try() {
    local role=$1
    shift
    echo "==> check-api: as $role"
    # It leaves what it learned where it runs.
    (cd "$work" && "$schemathesis" run "http://$gateway/openapi.json" --header "Authorization: Bearer ${keys[$role]}" \
        --checks "$checks" --seed "$seed" --max-examples "$examples" --suppress-health-check all --warnings off \
        --workers 1 --no-color "$@") || failed=1
}
export SCHEMATHESIS_HOOKS=schemathesis_hooks PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1
failed=0
echo "seed $seed"
halting='^/v1/venues/\{venue\}/(halt|resume)$'
for role in "${roles[@]}"; do try "$role" --exclude-path-regex "$halting"; done
for role in "${roles[@]}"; do try "$role" --include-path-regex "$halting"; done
kill -0 "$gateway_pid" || { echo "error: the gateway ended" >&2; failed=1; }
if grep -q -e 'panicked' -e '"message":"internal error"' "$work/gateway.log"; then
    grep -e 'panicked' -e 'internal error' "$work/gateway.log" | head >&2
    failed=1
fi
if ((failed)); then cp "$work/gateway.log" target/spec/api-gateway.log 2>/dev/null || true; fi
exit "$failed"
