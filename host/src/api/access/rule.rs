//! What a route says of who may call it.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::Method;
use axum::http::request::Parts;

use super::Principal;
use super::audit::Reason;
use crate::api::problem::Problem;
use crate::model::Role;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Access {
    /// Everyone: probes and documentation, which tell nothing of any tenant.
    Public,
    /// Keys of at least this role.
    Role(Role),
    /// Keys that may trade: the request changes orders, and may be made safe to repeat.
    Trade,
}

/// What of the venues a route reaches, and so which keys that are for some venues only may call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VenueRule {
    /// Nothing.
    Nothing,
    /// The whole gateway: only keys for all venues.
    Whole,
    /// The venue in its path.
    InPath,
    /// Those that its query or body names; where it names none, those that the key is for.
    Named,
    /// That of the order in its path. Orders elsewhere are not there.
    OfOrder,
}

/// Who may call a route, in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) struct Rule {
    pub(in crate::api) access: Access,
    pub(in crate::api) venues: VenueRule,
}

/// A route and who may call it, for those who check that nobody else may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRule {
    /// HTTP method.
    pub method: Method,
    /// The path, with `{name}` for what varies.
    pub path: &'static str,
    /// The least role; everyone may where there is none.
    pub role: Option<Role>,
    /// What of the venues it reaches.
    pub venues: VenueRule,
}

impl Rule {
    /// The least role; everyone may where there is none.
    pub(in crate::api) fn role(self) -> Option<Role> {
        match self.access {
            Access::Public => None,
            Access::Role(role) => Some(role),
            Access::Trade => Some(Role::Trader),
        }
    }

    /// That a caller may make this request, as far as its head tells.
    pub(super) async fn check(
        self,
        principal: &Principal,
        parts: &mut Parts,
    ) -> Result<(), (Reason, Problem)> {
        if let Some(required) = self.role().filter(|required| principal.role < *required) {
            let detail = format!(
                "this needs the role {}; key {:?} has {}",
                required.name(),
                principal.key_id,
                principal.role.name()
            );
            return Err((Reason::Role, Problem::forbidden(detail)));
        }
        let named = match self.venues {
            VenueRule::Nothing | VenueRule::OfOrder => return Ok(()),
            _ if principal.venues.is_all() => return Ok(()),
            VenueRule::Whole => {
                let key = &principal.key_id;
                let detail = format!("this concerns all venues, and key {key:?} is for some only");
                return Err((Reason::Venue, Problem::forbidden(detail)));
            }
            VenueRule::InPath => in_path(parts).await,
            VenueRule::Named => in_query(parts),
        };
        let refused = named
            .iter()
            .find_map(|name| principal.check_venue(name).err());
        refused.map_or(Ok(()), |problem| Err((Reason::Venue, problem)))
    }
}

async fn in_path(parts: &mut Parts) -> Vec<String> {
    let Ok(parameters) = RawPathParams::from_request_parts(parts, &()).await else {
        return Vec::new(); // the handler says what is wrong with it
    };
    let venue = parameters.iter().filter(|(name, _)| *name == "venue");
    venue.map(|(_, name)| name.to_owned()).collect()
}

/// Every venue that any `venue` parameter names: `auto` names none.
fn in_query(parts: &Parts) -> Vec<String> {
    let query = parts.uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "venue")
        .flat_map(|(_, names)| names.split(',').map(str::to_owned).collect::<Vec<_>>())
        .filter(|name| name != "auto")
        .collect()
}
