# syntax=docker/dockerfile:1
# The gateway and its adapters. Build with BuildKit: docker build -t switchyard .
#
# Run read-only, with the configuration mounted and a volume for the journal:
#   docker run --read-only -p 8080:8080 -v "$PWD/switchyard.toml:/etc/switchyard/switchyard.toml:ro" -v switchyard:/data switchyard
# In that configuration: server.listen = "0.0.0.0:8080", plugins.directory = "/opt/switchyard/plugins".
# The journal's default path, switchyard.db, is in /data, the working directory.

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
BUILD

# A C library, certificate authorities, and a user without rights.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=builder /out/switchyard /usr/local/bin/switchyard
COPY --from=builder /out/plugins /opt/switchyard/plugins
COPY --from=builder --chown=65532:65532 /out/data /data
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 8080
# No HEALTHCHECK: the image holds nothing that could ask. Let the orchestrator probe /health/live and /health/ready.
ENTRYPOINT ["switchyard"]
CMD ["serve", "--config", "/etc/switchyard/switchyard.toml"]
