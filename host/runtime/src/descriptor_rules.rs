//! What must hold of a descriptor, checked once when an adapter is loaded.

use std::collections::BTreeSet;

use crate::allowed_calls::pattern_problem;
use crate::bindings::exports::switchyard::adapter::descriptor::Descriptor;
use crate::contract::{Capability, Surface};
use crate::error::LoadError;

/// The least that an adapter may allow as the length of a client id: the host's own ids are as long.
pub const SHORTEST_CLIENT_ID: u32 = 32;

/// Characters that the host's ids are made of.
const CLIENT_ID_ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz0123456789";

/// Finds the first rule that a descriptor breaks.
pub(crate) fn check_descriptor(
    descriptor: &Descriptor,
    surface: &Surface,
) -> Result<(), LoadError> {
    let problem = name_problem(descriptor)
        .or_else(|| endpoint_problem(descriptor))
        .or_else(|| call_problem(descriptor))
        .or_else(|| bucket_problem(descriptor))
        .or_else(|| {
            surface
                .capabilities
                .contains(&Capability::Trading)
                .then(|| client_id_problem(descriptor))
                .flatten()
        });
    problem.map_or(Ok(()), |problem| Err(LoadError::Descriptor(problem)))
}

fn name_problem(descriptor: &Descriptor) -> Option<String> {
    if !is_name(&descriptor.venue, "_-") {
        return Some(format!(
            "venue {:?} is not of the form [a-z][a-z0-9_-]*",
            descriptor.venue
        ));
    }
    let version = &descriptor.adapter_version;
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<&str> = core.split('.').collect();
    let is_semver = parts.len() == 3 && parts.iter().all(|part| part.parse::<u64>().is_ok());
    (!is_semver).then(|| format!("adapter-version {version:?} is not a semantic version"))
}

fn endpoint_problem(descriptor: &Descriptor) -> Option<String> {
    if descriptor.endpoints.is_empty() {
        return Some("endpoints is empty".into());
    }
    let mut seen = BTreeSet::new();
    for endpoint in &descriptor.endpoints {
        if !is_name(&endpoint.alias, "_") {
            return Some(format!(
                "endpoint alias {:?} is not of the form [a-z][a-z0-9_]*",
                endpoint.alias
            ));
        }
        if !seen.insert(&endpoint.alias) {
            return Some(format!(
                "endpoint alias {:?} is declared twice",
                endpoint.alias
            ));
        }
        let rules = descriptor
            .endpoint_rules
            .iter()
            .filter(|r| r.endpoint == endpoint.alias)
            .count();
        if rules != 1 {
            return Some(format!(
                "endpoint {:?} has {rules} endpoint-rules, not one",
                endpoint.alias
            ));
        }
    }
    descriptor
        .endpoint_rules
        .iter()
        .find(|rules| !seen.contains(&rules.endpoint))
        .map(|rules| {
            format!(
                "endpoint-rules for {:?}, which is no endpoint",
                rules.endpoint
            )
        })
}

fn call_problem(descriptor: &Descriptor) -> Option<String> {
    if descriptor.allowed_calls.is_empty() {
        return Some("allowed-calls is empty: no request could ever be sent".into());
    }
    descriptor.allowed_calls.iter().find_map(|call| {
        if !descriptor
            .endpoints
            .iter()
            .any(|e| e.alias == call.endpoint)
        {
            return Some(format!(
                "allowed call {:?} names endpoint {:?}, which is not declared",
                call.path, call.endpoint
            ));
        }
        pattern_problem(&call.path)
            .map(|problem| format!("allowed call {:?}: {problem}", call.path))
    })
}

fn bucket_problem(descriptor: &Descriptor) -> Option<String> {
    let mut seen = BTreeSet::new();
    descriptor.buckets.iter().find_map(|bucket| {
        if !is_name(&bucket.name, "_") {
            Some(format!(
                "bucket name {:?} is not of the form [a-z][a-z0-9_]*",
                bucket.name
            ))
        } else if !seen.insert(&bucket.name) {
            Some(format!("bucket {:?} is declared twice", bucket.name))
        } else if bucket.limit == 0 || bucket.window_ms == 0 {
            Some(format!(
                "bucket {:?} has a limit or window of zero",
                bucket.name
            ))
        } else {
            bucket
                .endpoints
                .iter()
                .find(|alias| !descriptor.endpoints.iter().any(|e| e.alias == **alias))
                .map(|alias| {
                    format!(
                        "bucket {:?} names endpoint {alias:?}, which is not declared",
                        bucket.name
                    )
                })
        }
    })
}

fn client_id_problem(descriptor: &Descriptor) -> Option<String> {
    let rules = &descriptor.client_id_rules;
    if rules.max_length < SHORTEST_CLIENT_ID {
        return Some(format!(
            "client-id-rules allow {} characters; the host's ids need {SHORTEST_CLIENT_ID}",
            rules.max_length
        ));
    }
    CLIENT_ID_ALPHABET
        .chars()
        .find(|c| !rules.alphabet.contains(*c))
        .map(|c| format!("client-id-rules do not allow {c:?}; the host's ids are of [a-z0-9]"))
}

fn is_name(text: &str, also: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || also.contains(c))
}
