#!/bin/sh
# Builds every contract into `wasm/` and notes from which sources, or checks what is there:
#
#   ./build.sh            builds; run it after changing a contract or the SDK, and commit `wasm/`
#   ./build.sh --check    builds and compares; fails if `wasm/` is not what the sources give
#
# Needs `rustup target add wasm32v1-none`. Each contract is built alone: together, cargo would unite
# their features, and a contract that is also used as a library would lose its entries. What is in C
# is not built here, since not everybody has clang: build it as its source says, then run this.
set -eu
cd "$(dirname "$0")"

for manifest in */Cargo.toml; do
    name=${manifest%/Cargo.toml}
    case $name in host-api | tests) continue ;; esac
    cargo build --quiet --release --locked --package "$name"
    built=target/wasm32v1-none/release/$name.wasm
    if [ "${1:-}" = --check ]; then
        cmp "$built" "wasm/$name.wasm"
    else
        cat "$built" >"wasm/$name.wasm"
    fi
    echo "$name: $(wc -c <"$built") bytes"
done

# All that the bytes depend on, and the bytes, so that a test can compare without building.
files() {
    printf '%s\n' Cargo.toml Cargo.lock .cargo/config.toml ../rust-toolchain.toml
    find -L . \( -path ./target -o -path ./tests \) -prune \
        -o \( -name '*.rs' -o -name Cargo.toml -o -name '*.c' -o -name '*.wasm' \) \
        -type f -print | sed 's|^\./||' | grep -v -e '^Cargo.toml$' -e '^host-api/.*tests\?/'
}
if [ "${1:-}" = --check ]; then
    sha256sum --quiet --check wasm/SHA256SUMS
else
    files | LC_ALL=C sort | xargs sha256sum >wasm/SHA256SUMS
fi
