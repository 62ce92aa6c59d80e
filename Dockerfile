# syntax=docker/dockerfile:1
# The gateway and its adapters. Build with BuildKit: docker build -t switchyard .
#
# Everything but /data may be read-only. There are the journal (unless store.url names a server), the code cache and
# the versions of adapters. One gateway, its journal in a file, a key in the environment:
#   docker run --read-only --cap-drop ALL -p 127.0.0.1:8080:8080 -v switchyard:/data \
#     -e SWITCHYARD__AUTH__KEYS='[{id="desk",hash="SHA-256 OF THE KEY",tenant="desk",role="operator"}]' switchyard
# Or with a configuration of your own: -v "$PWD/switchyard.toml:/etc/switchyard/switchyard.toml:ro"

FROM rust:1.95-bookworm AS builder
# The image's own toolchain, whatever channel rust-toolchain.toml names.
ENV RUSTUP_TOOLCHAIN=1.95.0
RUN rustup target add wasm32-unknown-unknown
WORKDIR /src
COPY . .
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target <<'BUILD'
cargo build --release --locked --package switchyard
install -D target/release/switchyard /out/switchyard
for manifest in plugins/*/Cargo.toml; do
    crate=$(dirname "$manifest")
    [[ $crate == plugins/sdk ]] || target/release/switchyard plugin build "$crate" --out /out/plugins
done
mkdir /out/data
chmod -R a+rX /out
BUILD

# A C library, certificate authorities, and a user without rights.
FROM debian:bookworm-slim
# Authorities age: the newest are wanted, whatever their version.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=builder /out/switchyard /usr/local/bin/switchyard
COPY --from=builder /out/plugins /opt/switchyard/plugins
COPY --from=builder --chown=65532:65532 /out/data /data
# Readable, whatever umask it was checked out with.
COPY --chmod=0444 monitoring/deploy/image.toml /etc/switchyard/switchyard.toml
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 8080
# Alive, not ready: a standby is to be left alone. Where the API is encrypted or listens elsewhere, set
# SWITCHYARD_HEALTH_URL.
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s --retries=3 CMD ["switchyard", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["switchyard"]
CMD ["serve", "--config", "/etc/switchyard/switchyard.toml"]
