#!/usr/bin/env bash
# Makes sure that this machine can build adapters (wasm32-unknown-unknown), and says what it does.
#
#   plugins/wasm-toolchain.sh [TARGET_DIR]
#
# 1. The target is installed in rustc's sysroot: nothing to do.
# 2. Else `rustup target add`. Where its server cannot be reached that is remembered in TARGET_DIR.
# 3. Else Debian's compiler with the source of its library (rustc-web, rust-web-src), which
#    `switchyard plugin build` finds by itself; it links with rustup's rust-lld.
set -euo pipefail
cd "$(dirname "$0")/.."

target=wasm32-unknown-unknown
target_dir=${1:-${CARGO_TARGET_DIR:-target}}
packages=(rustc-web rust-web-src)
debian_rustc=/usr/bin/rustc
rustup_seconds=120

say() { echo "==> setup: $*"; }
fail() { echo "error: $*" >&2; exit 1; }

type cargo rustc >/dev/null 2>&1 ||
    fail "cargo and rustc are not on the PATH: install rustup's stable toolchain"
sysroot=$(rustc --print sysroot)
host=$(rustc -vV | sed -n 's/^host: //p')
release=$(rustc --version)
stamp=$target_dir/.rustup-cannot-add-$target

target_is_installed() { [[ -d $sysroot/lib/rustlib/$target/lib ]]; }

debian_can_build() {
    [[ -x $debian_rustc && -x $sysroot/lib/rustlib/$host/bin/rust-lld ]] &&
        [[ -d $("$debian_rustc" --print sysroot)/lib/rustlib/src/rust/library ]]
}

# Tried once for each compiler and checkout, where there is another way: a dead network costs its time-out.
rustup_failed_before() { [[ -f $stamp && $(<"$stamp") == "$release" ]]; }

add_with_rustup() {
    command -v rustup >/dev/null || return 1
    say "rustup target add $target (at most $rustup_seconds s)"
    local output
    if output=$(RUSTUP_MAX_RETRIES=0 timeout "$rustup_seconds" rustup target add "$target" 2>&1) &&
        target_is_installed; then
        return 0
    fi
    say "that did not work: $(grep -m1 -E '^error|[Cc]ould not|failed' <<<"$output" || echo 'no answer in time')"
    mkdir -p "$target_dir"
    echo "$release" >"$stamp"
    return 1
}

install_from_debian() {
    command -v apt-get >/dev/null || return 1
    local as_root=(env DEBIAN_FRONTEND=noninteractive)
    if [[ $(id -u) != 0 ]]; then
        command -v sudo >/dev/null || return 1
        as_root=(sudo "${as_root[@]}")
        # Without a terminal nobody can type a password.
        [[ -t 0 ]] || as_root=(sudo -n "${as_root[@]:1}")
    fi
    if ! apt-cache show "${packages[@]}" >/dev/null 2>&1; then
        say "apt-get update"
        "${as_root[@]}" apt-get update -qq || true
    fi
    say "apt-get install ${packages[*]}"
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 "${packages[@]}"
}

if target_is_installed; then
    say "adapters are built with the installed target $target"
elif rustup_failed_before && debian_can_build; then
    say "adapters are built with $debian_rustc and its library's source"
elif add_with_rustup; then
    say "adapters are built with the installed target $target"
elif debian_can_build || { install_from_debian && debian_can_build; }; then
    say "adapters are built with $debian_rustc and its library's source"
else
    fail "nothing here builds for $target. Either run \`rustup target add $target\` where its server can be
reached, or on Debian \`apt-get install ${packages[*]}\`."
fi
