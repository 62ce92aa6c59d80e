//! Several orders in one request; each succeeds or fails by itself.

use serde_json::{Map, Value};

use super::orders::Reference;
use super::{BinanceFutures, Call, Reply};
use crate::binance::ApiError;
use crate::binance::params::Params;

/// Orders that one request may place.
const MOST_PLACED: usize = 5;
/// Orders that one request may cancel.
const MOST_CANCELLED: usize = 10;

impl BinanceFutures {
    pub(super) fn place_batch(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let raw = call.params.required("batchOrders")?;
        let orders: Vec<Map<String, Value>> =
            serde_json::from_str(raw).map_err(|_| ApiError::invalid_value("batchOrders"))?;
        call.params.finish()?;
        if orders.is_empty() || orders.len() > MOST_PLACED {
            return Err(ApiError::new(
                -4082,
                "Invalid number of batch place orders.",
            ));
        }
        let answers: Vec<Value> = orders
            .iter()
            .map(|object| {
                let params = Params::from_object(object);
                let part = Call {
                    params: &params,
                    ..*call
                };
                let placed = self.read_entry(&part).and_then(|entry| {
                    params.finish()?;
                    self.place(&part, entry)
                });
                placed.unwrap_or_else(|error| error_body(&error))
            })
            .collect();
        Ok(Reply::ok(&answers)?.counting_orders())
    }

    pub(super) fn cancel_batch(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = self.listed_symbol(call)?;
        let numbers: Option<Vec<u64>> = list(call, "orderIdList")?;
        let client_ids: Option<Vec<String>> = list(call, "origClientOrderIdList")?;
        call.params.finish()?;
        let references: Vec<Reference> = match (numbers, client_ids) {
            (Some(numbers), _) => numbers.into_iter().map(Reference::Number).collect(),
            (None, Some(ids)) => ids.into_iter().map(Reference::ClientId).collect(),
            (None, None) => {
                return Err(ApiError::either("orderIdList", "origClientOrderIdList"));
            }
        };
        if references.len() > MOST_CANCELLED {
            return Err(ApiError::new(-4032, "Exceed maximum cancel order size."));
        }
        let answers: Vec<Value> = references
            .iter()
            .map(|reference| {
                self.cancel(call, symbol, reference)
                    .unwrap_or_else(|error| error_body(&error))
            })
            .collect();
        Reply::ok(&answers)
    }
}

fn list<T: serde::de::DeserializeOwned>(
    call: &Call<'_>,
    name: &str,
) -> Result<Option<Vec<T>>, ApiError> {
    let raw = call.params.text(name)?;
    raw.map(|raw| serde_json::from_str(raw).map_err(|_| ApiError::invalid_value(name)))
        .transpose()
}

fn error_body(error: &ApiError) -> Value {
    serde_json::json!({ "code": error.code, "msg": error.message })
}
