//! Assets: their common codes, and the minor units in which BitMEX counts them.

use std::borrow::Cow;
use std::fmt;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use switchyard_sdk::decimal::Exact;

use crate::amounts;

/// The common code of an asset: BitMEX says XBT for what everyone else calls BTC, and nothing else otherwise.
pub(crate) fn common(code: &str) -> &str {
    match code {
        "XBT" => "BTC",
        _ => code,
    }
}

/// One entry of `/wallet/assets`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAsset<'a> {
    /// The minor unit: `XBt`.
    #[serde(borrow, deserialize_with = "switchyard_sdk::json::name")]
    currency: Cow<'a, str>,
    /// The whole unit: `XBT`.
    #[serde(borrow, deserialize_with = "switchyard_sdk::json::name")]
    major_currency: Cow<'a, str>,
    /// Places between the two.
    scale: Exact,
}

/// What a minor unit is of, and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Minor {
    /// BitMEX's name of the minor unit: `XBt`.
    pub(crate) currency: String,
    /// The common code of the asset: `BTC`.
    pub(crate) asset: String,
    /// Places behind the point of the asset.
    pub(crate) scale: u32,
}

impl Minor {
    fn new(currency: &str, asset: &str, scale: u32) -> Self {
        Self {
            currency: currency.to_owned(),
            asset: asset.to_owned(),
            scale,
        }
    }

    /// One minor unit, in the asset.
    pub(crate) fn unit(&self) -> Option<Decimal> {
        amounts::unit(self.scale)
    }

    /// The units that BitMEX documents in words: "1 XBt (Satoshi) = 0.00000001 XBT (Bitcoin), all Tether
    /// quantities are returned in USDt: 1 USDt = 0.000001 USDT and all Ethereum are returned in gwei: 1 gwei
    /// = 0.000000001 ETH. For other currencies, please refer to our Asset API".
    pub(crate) fn documented(currency: &str) -> Option<Self> {
        match currency {
            "XBt" => Some(Self::new("XBt", "BTC", 8)),
            "USDt" => Some(Self::new("USDt", "USDT", 6)),
            "Gwei" | "gwei" => Some(Self::new(currency, "ETH", 9)),
            _ => None,
        }
    }
}

/// The answer of `/wallet/assets`: a list, or the same entries under their currencies.
#[derive(Debug)]
pub(crate) struct Assets(Vec<Minor>);

impl Assets {
    /// The minor unit of this name.
    pub(crate) fn minor(&self, currency: &str) -> Option<Minor> {
        self.0
            .iter()
            .find(|minor| minor.currency == currency)
            .cloned()
            .or_else(|| Minor::documented(currency))
    }

    /// The minor unit of the asset with this common code.
    pub(crate) fn of(&self, asset: &str) -> Option<Minor> {
        self.0
            .iter()
            .find(|minor| minor.asset == asset)
            .cloned()
            .or_else(|| {
                ["XBt", "USDt", "Gwei"]
                    .into_iter()
                    .filter_map(Minor::documented)
                    .find(|minor| minor.asset == asset)
            })
    }
}

impl<'de> Deserialize<'de> for Assets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Entries).map(Self)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<Minor>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("assets")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(asset) = seq.next_element::<WireAsset<'de>>()? {
            all.extend(minor(&asset));
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some((_, asset)) = map.next_entry::<Cow<'de, str>, WireAsset<'de>>()? {
            all.extend(minor(&asset));
        }
        Ok(all)
    }
}

/// An asset with a scale that decimals can hold.
fn minor(asset: &WireAsset<'_>) -> Option<Minor> {
    let scale = asset.scale.value().ok()?.normalize();
    let scale = u32::try_from(scale).ok().filter(|_| scale.is_integer())?;
    amounts::unit(scale)?;
    Some(Minor::new(
        &asset.currency,
        common(&asset.major_currency),
        scale,
    ))
}
