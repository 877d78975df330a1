#!/bin/sh
# Builds the runner and the engines, each by itself, and goes on when one does not build:
#
#   ./build.sh                 all of them
#   ./build.sh tos revm        these
#   ./build.sh guests          the tokens in `guests/`, into `wasm/`; run it after changing one, and
#                              commit `wasm/`. Needs `rustup target add wasm32v1-none`.
#
# Tokens for the other engines are assembled when their engine starts.
set -eu
cd "$(dirname "$0")"

guests() {
    cd guests
    # Panics of dependencies name files; without the home folder in them. A stack of 16 KiB: one or
    # two pages of memory are enough.
    RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
    RUSTFLAGS="$RUSTFLAGS --remap-path-prefix=$PWD=guests -Clink-arg=-zstack-size=16384"
    export RUSTFLAGS
    for guest in soroban cosmwasm; do
        cargo build --release --locked --target wasm32v1-none --target-dir ../target/guests \
            --package "peer-token-$guest"
        built=../target/guests/wasm32v1-none/release/peer_token_$guest.wasm
        cat "$built" >"../wasm/${guest}_token.wasm"
        echo "$guest: $(wc -c <"$built") bytes"
    done
}

if [ "${1:-}" = guests ]; then
    guests
    exit
fi

missing=
cargo build --release --locked --package peers
for engine in ${*:-tos revm litesvm near soroban cosmwasm}; do
    cargo build --release --locked --package "peer-$engine" || missing="$missing $engine"
done
[ -z "$missing" ] || { echo "not built:$missing"; exit 1; }
