#!/bin/sh
# Makes a toolchain for wasm32 out of Debian's compiler (packages rustc-web, rust-web-src, rust-web-clippy), for
# machines on which rustup cannot fetch the target. Builds the standard library once per version of the compiler,
# into the user's cache; prints the directory as its last line. Used by `cargo xtask wasm-toolchain`.
set -eu

target=wasm32-unknown-unknown
version=$(/usr/bin/rustc --version | cut -d' ' -f2)
host=$(/usr/bin/rustc -vV | sed -n 's/^host: //p')
dir=${FORGE_WASM_TOOLCHAIN_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/forge/wasm-toolchain}/$version

if [ ! -e "$dir/.complete" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT

    # An empty crate: building it with -Z build-std builds the standard library beside it.
    mkdir -p "$work/seed/src"
    cat > "$work/seed/Cargo.toml" <<'TOML'
[package]
name = "std-seed"
version = "0.0.0"
edition = "2021"

[workspace]

[profile.release]
panic = "abort"
TOML
    echo '#![no_std]' > "$work/seed/src/lib.rs"
    (
        cd "$work/seed"
        # The sources of a standard library need the compiler of the same version: nothing of the caller's may pick another.
        unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS RUSTUP_TOOLCHAIN RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER || true
        RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$work/target" \
            "${CARGO:-cargo}" build -Z build-std=std,panic_abort,test --target "$target" --release >&2
    )

    rm -rf "$dir"
    mkdir -p "$dir/bin" "$dir/lib/rustlib/$target/lib" "$dir/lib/rustlib/$host/bin"
    cp "$work/target/$target/release/deps/"*.rlib "$dir/lib/rustlib/$target/lib/"
    rm -f "$dir/lib/rustlib/$target/lib/"libstd_seed-*
    # Build scripts and procedural macros run on the host.
    ln -s "/usr/lib/rustlib/$host/lib" "$dir/lib/rustlib/$host/lib"
    ln -s /usr/lib/rustlib/src "$dir/lib/rustlib/src"

    linker=$(rustc --print sysroot 2>/dev/null || true)/lib/rustlib/$host/bin/rust-lld
    [ -x "$linker" ] || linker=$(command -v rust-lld || command -v wasm-ld-22 || command -v wasm-ld-19 || command -v wasm-ld || true)
    if [ -z "$linker" ]; then
        echo "no linker for $target: install lld (apt-get install lld)" >&2
        exit 1
    fi
    ln -s "$linker" "$dir/lib/rustlib/$host/bin/rust-lld"

    for tool in rustc rustdoc; do
        printf '#!/bin/sh\nexec /usr/bin/%s --sysroot "%s" "$@"\n' "$tool" "$dir" > "$dir/bin/$tool"
    done
    # Through the environment: an argument in front of the others would break the protocol of cargo's wrappers.
    printf '#!/bin/sh\nSYSROOT="%s" exec /usr/bin/clippy-driver "$@"\n' "$dir" > "$dir/bin/clippy-driver"
    chmod +x "$dir/bin/"*
    # A copy, not a link: it looks for clippy-driver beside itself.
    cp /usr/bin/cargo-clippy "$dir/bin/"
    touch "$dir/.complete"
fi
echo "$dir"
