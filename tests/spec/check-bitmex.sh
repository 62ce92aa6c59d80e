#!/usr/bin/env bash
# Holds a request of every kind that the BitMEX adapter makes against BitMEX's own specification.
#
#   tests/spec/check-bitmex.sh SWAGGER.json
#
# The document is BitMEX's Swagger 2 file; it is converted to OpenAPI 3, with the base path in each path and
# with JSON bodies beside the forms, both of which BitMEX takes. The adapter's own tests write the requests
# down; each is shown to Prism (`prism mock --errors`), which judges it by the document. Prints requests and
# violations of each operation; ends with 1 if there are any. Operations that the document lacks are named
# and not judged. Needs cargo, node and npm; Prism and the converter are installed into target/spec unless
# PRISM_HOME names a directory that has them. Not part of `make test`.
set -euo pipefail
[[ $# == 1 && -f $1 ]] || { echo "usage: $0 SWAGGER.json" >&2; exit 2; }
swagger=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
cd "$here/../.."

prism_home=${PRISM_HOME:-$PWD/target/spec}
prism=$prism_home/node_modules/.bin/prism
if [[ ! -x $prism || ! -d $prism_home/node_modules/swagger2openapi ]]; then
    echo "==> npm install @stoplight/prism-cli swagger2openapi into $prism_home"
    npm install --silent --no-audit --no-fund --prefix "$prism_home" @stoplight/prism-cli@5 swagger2openapi@7
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

document=$work/bitmex.json
node "$here/convert-swagger.cjs" "$prism_home" "$swagger" >"$document"

SPEC_CHECK_BITMEX=$work/requests \
    cargo test --quiet -p switchyard-bitmex --tests requests_can_be_written_down >"$work/cargo.log" 2>&1 ||
    { cat "$work/cargo.log" >&2; exit 2; }

# The judge passes each request on; what answers it does not matter here.
node -e 's=require("http").createServer((q,a)=>a.end("{}")).listen(0,"127.0.0.1",()=>console.log(s.address().port))' \
    >"$work/venue.port" 2>"$work/venue.log" &
started+=($!)
until_true test -s "$work/venue.port"

port=$(free_port)
"$prism" mock --errors --host 127.0.0.1 --port "$port" "$document" >"$work/prism.log" 2>&1 &
started+=($!)
until_true grep -q 'Prism is listening' "$work/prism.log"
node "$here/judge.cjs" "$prism_home" "http://127.0.0.1:$port" "http://127.0.0.1:$(<"$work/venue.port")" \
    "$document" >"$work/judge.port" 2>"$work/judge.log" &
started+=($!)
until_true test -s "$work/judge.port"
judge=http://127.0.0.1:$(<"$work/judge.port")

while read -r method target body; do
    with=(-H 'api-key: key' -H 'api-expires: 1' -H 'api-signature: 00')
    [[ -z $body ]] || with+=(-H 'content-type: application/json' --data-binary "$body")
    curl -sf -o /dev/null -g -X "$method" "${with[@]}" "$judge$target"
done <"$work/requests"
curl -sf "$judge/_report" >"$work/report.json"
echo
echo "requests of the adapter against $(basename "$swagger"), judged by Prism $("$prism" --version)"
node "$here/report.cjs" "$work/report.json"
