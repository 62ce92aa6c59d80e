//! API keys, signatures and expiry.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER_PERMISSIVE;
use ring::hmac;

use super::errors::BitmexError;
use crate::config::{AccountConfig, KeyMaterial};
use crate::engine::AccountId;
use crate::server::RawRequest;
use crate::sim::StartError;

/// The keys the venue knows.
#[derive(Debug)]
pub(super) struct Keyring {
    keys: BTreeMap<String, (AccountId, hmac::Key)>,
}

impl Keyring {
    /// Reads the keys of these accounts, which are numbered from one.
    pub(super) fn new(accounts: &[AccountConfig]) -> Result<Self, StartError> {
        let mut keys = BTreeMap::new();
        for (id, account) in (1..).map(AccountId).zip(accounts) {
            for key in &account.keys {
                let KeyMaterial::Hmac(secret) = &key.material else {
                    return Err(StartError::Key {
                        account: account.name.clone(),
                        reason: "BitMEX signs with HMAC-SHA256 only".to_owned(),
                    });
                };
                let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
                keys.insert(key.key.clone(), (id, secret));
            }
        }
        Ok(Self { keys })
    }

    /// Who sent a request, if it claims to come from anyone. `now_us` is when its expiry is judged: on arrival,
    /// because BitMEX checks it before the engine's queue and not after it.
    pub(super) fn authenticate(
        &self,
        request: &RawRequest,
        now_us: i64,
    ) -> Result<Option<AccountId>, BitmexError> {
        let Some(key) = request.header("api-key") else {
            return Ok(None);
        };
        let (account, secret) = self
            .keys
            .get(key)
            .ok_or_else(|| BitmexError::http(401, "Invalid API Key."))?;
        let sent = request.header("api-expires").unwrap_or_default();
        let expires: i64 = sent
            .parse()
            .map_err(|_| BitmexError::http(400, "`expires` must be a number of UNIX seconds."))?;
        let now_s = now_us.div_euclid(1_000_000);
        if expires < now_s {
            let message = format!(
                "This request has expired - `expires` is in the past. Current time: {now_s}"
            );
            return Err(BitmexError::http(400, message));
        }
        let mut payload = format!("{}{}", request.method, request.path);
        if !request.query.is_empty() {
            payload.push('?');
            payload.push_str(&request.query);
        }
        payload.push_str(sent);
        let mut payload = payload.into_bytes();
        payload.extend_from_slice(&request.body);
        let signature = request.header("api-signature").unwrap_or_default();
        let valid = HEXLOWER_PERMISSIVE
            .decode(signature.as_bytes())
            .is_ok_and(|tag| hmac::verify(secret, &payload, &tag).is_ok());
        if valid {
            Ok(Some(*account))
        } else {
            Err(BitmexError::http(401, "Signature not valid."))
        }
    }
}
