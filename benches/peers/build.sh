#!/bin/sh
# Builds the tokens in `guests/` into `wasm/`; run it after changing one, and commit `wasm/`. Needs
# `rustup target add wasm32v1-none`. Tokens for the others are assembled when their engine starts.
set -eu
cd "$(dirname "$0")/guests"

# Panics of dependencies name files; without the home folder in them.
RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo --remap-path-prefix=$PWD=guests"
# A stack of 16 KiB: one or two pages of memory are enough.
RUSTFLAGS="$RUSTFLAGS -Clink-arg=-zstack-size=16384"
export RUSTFLAGS

for guest in soroban cosmwasm; do
    cargo build --release --locked --target wasm32v1-none --target-dir ../target/guests \
        --package "peer-token-$guest"
    built=../target/guests/wasm32v1-none/release/peer_token_$guest.wasm
    cat "$built" >"../wasm/${guest}_token.wasm"
    echo "$guest: $(wc -c <"$built") bytes"
done
