//! Benchmarks of the gateway; see `benches/`. Run them with `make bench`.
