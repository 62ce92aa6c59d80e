//! What `bindgen!` makes of `wit/`.
#![allow(missing_docs, unreachable_pub, clippy::all, unsafe_code)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "adapter",
    additional_derives: [Clone, PartialEq, serde::Serialize, serde::Deserialize],
});
