#!/usr/bin/env bash
# Runs the tests with coverage and says which share of the lines they reach, part by part. Lines of test modules do
# not count. Fails where a part is below MINIMUM percent.
#
# The chaos tests are left out: a process that is killed writes down nothing of what it did.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO=${CARGO:-cargo}
MINIMUM=${MINIMUM:-85}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}

if ! $CARGO llvm-cov --version >/dev/null 2>&1; then
  echo "==> coverage: installing cargo-llvm-cov, once; this takes some minutes"
  $CARGO install cargo-llvm-cov --locked
fi

# Profiles are read by tools of the compiler's own LLVM: rustup's, or the system's of the same version.
if ! [ -x "$(rustc --print target-libdir)/../bin/llvm-profdata" ] && [ -z "${LLVM_PROFDATA:-}" ]; then
  llvm=$(rustc -vV | sed -nE 's/^LLVM version: ([0-9]+).*/\1/p')
  if command -v "llvm-profdata-$llvm" "llvm-cov-$llvm" >/dev/null; then
    LLVM_PROFDATA=$(command -v "llvm-profdata-$llvm") LLVM_COV=$(command -v "llvm-cov-$llvm")
    export LLVM_PROFDATA LLVM_COV
  elif ! rustup component add llvm-tools; then
    echo "error: no llvm-profdata for LLVM $llvm: rustup component add llvm-tools, or install the package llvm-$llvm" >&2
    exit 1
  fi
fi

runner=(test --all-targets)
if $CARGO nextest --version >/dev/null 2>&1; then
  runner=(nextest)
fi
echo "==> coverage: all tests but chaos, instrumented"
$CARGO llvm-cov "${runner[@]}" --no-report --workspace --exclude switchyard-chaos --exclude switchyard-benchmarks
report=$CARGO_TARGET_DIR/coverage.lcov
$CARGO llvm-cov report --lcov --output-path "$report" --ignore-filename-regex "$PWD/tests/"

echo "==> coverage: lines reached ($report)"
awk -F '[:,]' -v root="$PWD/" -v minimum="$MINIMUM" '
  # Where the test module at the end of a file begins.
  function end_of_code(file,    line, number, end) {
    end = 1e9
    while ((getline line < file) > 0) {
      number++
      if (line ~ /^#\[cfg\(test\)\]/) end = number
      else if (end == number - 1 && line !~ /^(pub\([a-z]*\) )?mod [a-z_]+ \{/) end = 1e9
    }
    close(file)
    return end
  }
  $1 == "SF" {
    path = substr($2, length(root) + 1)
    part = path ~ /^host\/runtime\// ? "runtime" : path ~ /^host\// ? "host" : path ~ /^plugins\// ? "adapters" : ""
    if (path ~ /\/tests(\/|\.rs$)/ || path ~ /\/properties\.rs$/) part = ""
    end = end_of_code($2)
  }
  $1 == "DA" && part != "" && $2 < end { lines[part]++; reached[part] += $3 > 0 }
  END {
    for (part in lines) {
      share = 100 * reached[part] / lines[part]
      printf "%-9s %6.2f %% (%d of %d lines)\n", part, share, reached[part], lines[part]
      if (share < minimum) { failed = 1 }
      all += lines[part]; all_reached += reached[part]
    }
    if (all == 0) { print "error: no lines in the report"; exit 1 }
    printf "%-9s %6.2f %% (%d of %d lines); at least %d %% of each part\n", "all", 100 * all_reached / all, all_reached, all, minimum
    exit failed
  }' "$report"
