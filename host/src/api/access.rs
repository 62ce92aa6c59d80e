//! Who calls, and what they may do: bearer keys, each with a tenant and a role.

use std::fmt;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER_PERMISSIVE;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use subtle::ConstantTimeEq;

use super::caller::current_request_id;
use super::idempotency::current_claim;
use super::problem::Problem;
use super::state::AppState;
use crate::config::{AuthConfig, AuthMode, KeyConfig, OPEN_TENANT, Role};
use crate::orders::Caller;

/// Who was recognised, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principal {
    pub(super) key_id: String,
    pub(super) tenant: String,
    pub(super) role: Role,
}

impl Principal {
    /// On whose behalf an order operation is done.
    pub(super) fn caller(&self) -> Caller {
        Caller {
            tenant: self.tenant.clone(),
            key_id: self.key_id.clone(),
            request_id: current_request_id(),
            claim: current_claim(),
        }
    }
}

/// A configured key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// Not a SHA-256.
    #[error(
        "configuration: auth.keys[{index}].hash (key {id:?}) must be a SHA-256 in 64 hexadecimal digits, with or without \"sha256:\" before it"
    )]
    Hash {
        /// Place in the list.
        index: usize,
        /// The key's id.
        id: String,
    },
    /// Two keys with one id.
    #[error("configuration: auth.keys: two keys have the id {0:?}")]
    DuplicateId(String),
}

/// The keys that are accepted, as hashes.
pub struct Keyring {
    open: bool,
    keys: Vec<([u8; SHA256_OUTPUT_LEN], Principal)>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("open", &self.open)
            .field("keys", &self.keys.len())
            .finish()
    }
}

impl Keyring {
    /// The keyring of a configuration.
    ///
    /// # Errors
    /// [`KeyringError`], naming the key.
    pub fn new(config: &AuthConfig) -> Result<Self, KeyringError> {
        let mut keys: Vec<([u8; SHA256_OUTPUT_LEN], Principal)> = Vec::new();
        for (index, key) in config.keys.iter().enumerate() {
            if keys.iter().any(|(_, principal)| principal.key_id == key.id) {
                return Err(KeyringError::DuplicateId(key.id.clone()));
            }
            let hash = parse_hash(key).ok_or_else(|| KeyringError::Hash {
                index,
                id: key.id.clone(),
            })?;
            let principal = Principal {
                key_id: key.id.clone(),
                tenant: key.tenant.clone(),
                role: key.role,
            };
            keys.push((hash, principal));
        }
        Ok(Self {
            open: config.mode == AuthMode::Open,
            keys,
        })
    }

    /// Who shows this `Authorization` header.
    fn recognise(&self, headers: &HeaderMap) -> Result<Principal, Problem> {
        if self.open {
            let open = || OPEN_TENANT.to_owned();
            return Ok(Principal {
                key_id: open(),
                tenant: open(),
                role: Role::Operator,
            });
        }
        let header = headers.get(AUTHORIZATION).ok_or_else(|| {
            Problem::unauthenticated("send an API key as \"Authorization: Bearer KEY\"")
        })?;
        let key = header
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, key)| key.trim())
            .ok_or_else(|| {
                Problem::unauthenticated("the Authorization header must be \"Bearer KEY\"")
            })?;
        let hash = digest(&SHA256, key.as_bytes());
        // Every key is compared, in constant time, so that timing tells nothing about any of them.
        let mut found = None;
        for (known, principal) in &self.keys {
            if bool::from(known.ct_eq(hash.as_ref())) {
                found = Some(principal);
            }
        }
        found
            .cloned()
            .ok_or_else(|| Problem::unauthenticated("the API key is not known"))
    }
}

fn parse_hash(key: &KeyConfig) -> Option<[u8; SHA256_OUTPUT_LEN]> {
    let hex = key.hash.strip_prefix("sha256:").unwrap_or(&key.hash);
    HEXLOWER_PERMISSIVE
        .decode(hex.as_bytes())
        .ok()?
        .try_into()
        .ok()
}

/// The least role a route asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequiredRole(pub(super) Role);

/// Lets a request through if its key's role is enough for the route.
pub(super) async fn guard(
    State((state, RequiredRole(required))): State<(AppState, RequiredRole)>,
    mut request: Request,
    next: Next,
) -> Response {
    let principal = match state.keyring.recognise(request.headers()) {
        Ok(principal) => principal,
        Err(problem) => return problem.into_response(),
    };
    if principal.role < required {
        tracing::warn!(key = %principal.key_id, role = ?principal.role, ?required, "denied");
        let detail = format!(
            "this needs the role {required:?}; key {:?} has {:?}",
            principal.key_id, principal.role
        );
        return Problem::forbidden(detail.to_lowercase()).into_response();
    }
    tracing::debug!(key = %principal.key_id, tenant = %principal.tenant, "recognised");
    request.extensions_mut().insert(Arc::new(principal));
    next.run(request).await
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Arc<Self>>()
            .map(|principal| Self::clone(principal))
            .ok_or_else(|| {
                Problem::internal("a handler that needs a caller is not behind the guard")
            })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn keyring() -> Keyring {
        let hash = data_encoding::HEXLOWER.encode(digest(&SHA256, b"the key").as_ref());
        let key = KeyConfig {
            id: "k".into(),
            hash,
            tenant: "t".into(),
            role: Role::Trader,
        };
        Keyring::new(&AuthConfig {
            mode: AuthMode::Keys,
            keys: vec![key],
        })
        .unwrap()
    }

    fn shows(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_right_key_is_recognised_with_its_tenant_and_role() {
        let principal = keyring().recognise(&shows("Bearer the key")).unwrap();
        assert_eq!(
            (principal.tenant.as_str(), principal.role),
            ("t", Role::Trader)
        );
        assert!(keyring().recognise(&shows("bearer the key")).is_ok());
    }

    #[test]
    fn everything_else_is_not() {
        for value in [
            "",
            "the key",
            "Bearer",
            "Bearer ",
            "Bearer the ke",
            "Bearer the key2",
            "Basic the key",
        ] {
            assert!(keyring().recognise(&shows(value)).is_err(), "{value:?}");
        }
        assert!(keyring().recognise(&HeaderMap::new()).is_err());
    }

    #[test]
    fn a_hash_that_is_none_names_its_key() {
        let key = KeyConfig {
            id: "k".into(),
            hash: "plain".into(),
            tenant: "t".into(),
            role: Role::Viewer,
        };
        let config = AuthConfig {
            mode: AuthMode::Keys,
            keys: vec![key],
        };
        assert_eq!(
            Keyring::new(&config).unwrap_err(),
            KeyringError::Hash {
                index: 0,
                id: "k".into()
            }
        );
    }

    #[test]
    fn roles_are_ordered_by_what_they_may_do() {
        assert!(Role::Viewer < Role::Trader && Role::Trader < Role::Operator);
    }
}
