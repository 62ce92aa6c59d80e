//! The contract's flags as JSON: lists of their names. The other types derive it.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bindings::switchyard::adapter::types::{OrderTypes, TimesInForce};

macro_rules! names {
    ($flags:ident: $($name:literal = $flag:ident),+) => {
        impl Serialize for $flags {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let all = [$(($name, Self::$flag)),+];
                let set = all.into_iter().filter(|(_, flag)| self.contains(*flag));
                serializer.collect_seq(set.map(|(name, _)| name))
            }
        }

        impl<'de> Deserialize<'de> for $flags {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let mut flags = Self::empty();
                for name in Vec::<String>::deserialize(deserializer)? {
                    flags |= match name.as_str() {
                        $($name => Self::$flag,)+
                        other => return Err(D::Error::custom(format!("no flag {other:?}"))),
                    };
                }
                Ok(flags)
            }
        }
    };
}

names!(OrderTypes: "market" = MARKET, "limit" = LIMIT);
names!(TimesInForce: "gtc" = GTC, "ioc" = IOC, "fok" = FOK, "gtx" = GTX);
