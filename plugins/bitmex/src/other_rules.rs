//! What an instrument says besides: every field that is no price of the moment, as one piece.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use switchyard_sdk::json;
use switchyard_sdk::types::Error;

use crate::body::quoted;

/// Fields that follow the market: they would make the same instrument look new at each look.
const OF_THE_MOMENT: &[&str] = &[
    "askPrice",
    "bankruptLimitDownPrice",
    "bankruptLimitUpPrice",
    "bidPrice",
    "closingTimestamp",
    "fairBasis",
    "fairBasisRate",
    "fairPrice",
    "foreignNotional24h",
    "fundingRate",
    "fundingTimestamp",
    "hasLiquidity",
    "highPrice",
    "homeNotional24h",
    "impactAskPrice",
    "impactBidPrice",
    "impactMidPrice",
    "indicativeFundingRate",
    "indicativeSettlePrice",
    "indicativeTaxRate",
    "lastChangePcnt",
    "lastPrice",
    "lastPriceProtected",
    "lastTickDirection",
    "lowPrice",
    "markPrice",
    "midPrice",
    "openInterest",
    "openValue",
    "openingTimestamp",
    "prevClosePrice",
    "prevPrice24h",
    "prevTotalTurnover",
    "prevTotalVolume",
    "publishTime",
    "rebalanceTimestamp",
    "referencePrice",
    "timestamp",
    "totalTurnover",
    "totalVolume",
    "turnover",
    "turnover24h",
    "volume",
    "volume24h",
    "vwap",
];

/// The other fields of an instrument, verbatim, as one object named `instrument`.
pub(crate) fn other_rules(row: &RawValue) -> Result<Vec<(String, String)>, Error> {
    let fields: BTreeMap<Cow<'_, str>, &RawValue> = json::read(row.get().as_bytes())?;
    let kept: Vec<String> = fields
        .iter()
        .filter(|(name, value)| {
            value.get() != "null" && OF_THE_MOMENT.binary_search(&name.as_ref()).is_err()
        })
        .map(|(name, value)| format!("{}:{}", quoted(name), value.get()))
        .collect();
    Ok(vec![(
        "instrument".to_owned(),
        format!("{{{}}}", kept.join(",")),
    )])
}

#[cfg(test)]
mod tests {
    use super::OF_THE_MOMENT;

    #[test]
    fn the_fields_are_in_the_order_that_a_search_needs() {
        assert!(OF_THE_MOMENT.is_sorted());
    }
}
