//! Test doubles for the host.
