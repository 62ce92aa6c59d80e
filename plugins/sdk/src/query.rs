//! Query strings with exact percent-encoding (RFC 3986), in the order of insertion.
