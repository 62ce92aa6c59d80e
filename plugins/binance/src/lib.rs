//! The Switchyard adapter for Binance.
use switchyard_sdk::{Account, Descriptor, Market, Trading};
/// The adapter.
#[derive(Default)]
pub struct Binance;
impl Market for Binance {}
impl Trading for Binance {}
impl Account for Binance {}
impl Descriptor for Binance {
    fn describe(&self) -> switchyard_sdk::descriptor::Descriptor {
        loop {}
    }
}
switchyard_sdk::export_adapter!(Binance: market, trading, account);
