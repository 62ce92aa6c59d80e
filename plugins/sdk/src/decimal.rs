//! Exact decimals between JSON, the contract's strings and arithmetic, without a float anywhere.
