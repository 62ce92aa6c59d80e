//! Commands made up for an adapter: everything that its descriptor claims, on every endpoint.
//!
//! The instruments, the account's kind of key and the time are those of the recordings, where there are any:
//! an adapter may want hints with its instruments, which nobody else can make up.

use serde::Serialize;
use serde_json::Value;
use switchyard_runtime::wit::descriptor::{AmendMode, Descriptor, EndpointRules};
use switchyard_runtime::wit::market::{GetCandles, GetOrderBook};
use switchyard_runtime::wit::trading::{Amend, Cancel, GetOrder, ListFills, ListHistory, Place};
use switchyard_runtime::wit::types::{
    Account, Context, Instrument, KeyType, OrderRef, OrderType, OrderTypes, Payoff, Product,
    QuantityUnit, Side, TimeInForce, TimesInForce,
};
use switchyard_runtime::{Adapter, Capability, Lookup, NamedOperation};

use crate::recording::Recording;
use crate::scene::Scene;
use crate::stage::API_KEY;

/// 2023-11-14T22:13:20Z, where no recording says another time.
const NOW: u64 = 1_700_000_000_000;

/// Instruments of one endpoint that commands are made for.
const INSTRUMENTS: usize = 4;

/// A client id that every adapter must allow: as the host makes them.
pub(crate) const CLIENT_ID: &str = "swykit0123456789abcdefgh";

/// One endpoint, and what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) rules: EndpointRules,
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) known: Vec<Lookup>,
    now: u64,
    key_type: KeyType,
    /// Recorded orders: symbol, quantity and price.
    sizes: Vec<(String, String, Option<String>)>,
    /// The order that recordings name.
    order: OrderRef,
}

/// Every endpoint of an adapter.
pub(crate) fn settings(adapter: &Adapter, recordings: &[Recording]) -> Vec<Setting> {
    let descriptor = adapter.descriptor();
    let rules = descriptor.endpoint_rules.iter();
    rules
        .map(|rules| setting(descriptor, rules, recordings))
        .collect()
}

fn setting(descriptor: &Descriptor, rules: &EndpointRules, recordings: &[Recording]) -> Setting {
    let mut setting = Setting {
        rules: rules.clone(),
        instruments: Vec::new(),
        known: Vec::new(),
        now: NOW,
        key_type: KeyType::Hmac,
        sizes: Vec::new(),
        order: OrderRef {
            venue_id: None,
            client_id: Some(CLIENT_ID.to_owned()),
        },
    };
    let here = |r: &&Recording| r.exchange.context.endpoint == rules.endpoint;
    for recording in recordings.iter().filter(here) {
        setting.learn(recording);
    }
    if setting.instruments.is_empty() {
        let endpoint = descriptor
            .endpoints
            .iter()
            .find(|e| e.alias == rules.endpoint);
        let products = endpoint.map(|endpoint| endpoint.products.as_slice());
        for product in products.unwrap_or_default() {
            setting
                .instruments
                .push(instrument(&rules.endpoint, *product));
        }
    }
    for instrument in &setting.instruments {
        let lookup = Lookup {
            endpoint: instrument.endpoint.clone(),
            symbol: instrument.venue_symbol.clone(),
            found: Some(instrument.clone()),
        };
        if !setting.known.contains(&lookup) {
            setting.known.push(lookup);
        }
    }
    setting
}

impl Setting {
    fn learn(&mut self, recording: &Recording) {
        let exchange = &recording.exchange;
        self.now = exchange.context.now;
        if let Some(account) = &exchange.context.account {
            self.key_type = account.key_type;
        }
        self.known.extend(
            exchange
                .lookups
                .iter()
                .filter(|lookup| !self.known.contains(lookup))
                .cloned()
                .collect::<Vec<_>>(),
        );
        let Some(instrument) = &exchange.context.instrument else {
            return;
        };
        let is_new = !self
            .instruments
            .iter()
            .any(|i| i.symbol == instrument.symbol);
        if is_new && self.instruments.len() < INSTRUMENTS {
            self.instruments.push(instrument.clone());
        }
        if let Ok(place) = serde_json::from_value::<Place>(exchange.command.clone()) {
            let size = (instrument.symbol.clone(), place.quantity, place.price);
            // A limit order says more than a market order.
            let at = if size.2.is_some() {
                0
            } else {
                self.sizes.len()
            };
            self.sizes.insert(at, size);
        }
        if let Ok(cancel) = serde_json::from_value::<Cancel>(exchange.command.clone())
            && cancel.order.venue_id.is_some()
            && self.order.venue_id.is_none()
        {
            self.order = cancel.order;
        }
    }

    /// The circumstances of a call about an instrument.
    pub(crate) fn context(&self, instrument: Option<&Instrument>) -> Context {
        Context {
            now: self.now,
            nonce: self.now,
            window_ms: self.rules.max_window_ms.min(5_000),
            endpoint: self.rules.endpoint.clone(),
            account: Some(Account {
                api_key: API_KEY.to_owned(),
                key_type: self.key_type,
            }),
            instrument: instrument.cloned(),
        }
    }

    /// A quantity and a price that the adapter takes for an instrument, as far as is known.
    pub(crate) fn size(&self, instrument: &Instrument) -> (String, String) {
        let mut sizes = self.sizes.iter();
        let size = sizes.find(|(symbol, ..)| *symbol == instrument.symbol);
        let quantity = match (size, instrument.quantity_unit) {
            (Some((_, quantity, _)), _) => quantity.clone(),
            (None, QuantityUnit::Base) => "1".to_owned(),
            (None, QuantityUnit::Contracts) => "100".to_owned(),
        };
        let price = size.and_then(|(_, _, price)| price.clone());
        (quantity, price.unwrap_or_else(|| "50000".to_owned()))
    }

    /// A limit order for an instrument.
    pub(crate) fn limit_order(&self, instrument: &Instrument) -> Place {
        let (quantity, price) = self.size(instrument);
        let times = times(self.rules.times_in_force);
        Place {
            client_id: CLIENT_ID.to_owned(),
            side: Side::Buy,
            order_type: OrderType::Limit,
            quantity,
            price: Some(price),
            time_in_force: times.first().copied().or(Some(TimeInForce::Gtc)),
            reduce_only: false,
        }
    }

    /// A change of nothing yet to a limit order for an instrument.
    pub(crate) fn change(&self, instrument: &Instrument) -> Amend {
        let Place {
            side,
            quantity,
            price,
            time_in_force,
            ..
        } = self.limit_order(instrument);
        Amend {
            order: self.order.clone(),
            side,
            time_in_force,
            reduce_only: false,
            current_quantity: quantity,
            current_price: price,
            filled_quantity: "0".to_owned(),
            quantity: None,
            price: None,
            new_client_id: format!("{CLIENT_ID}2"),
        }
    }

    /// A scene in which this is asked.
    pub(crate) fn scene(
        &self,
        operation: &str,
        instrument: Option<&Instrument>,
        command: &impl Serialize,
    ) -> Option<Scene> {
        Some(Scene {
            origin: "made by the kit".to_owned(),
            operation: NamedOperation::find(operation)?,
            context: self.context(instrument),
            command: serde_json::to_value(command).unwrap_or(Value::Null),
            state: None,
            known: self.known.clone(),
            answers: Vec::new(),
            meaning: None,
        })
    }

    /// Every limit and market order that the endpoint's rules claim, for an instrument.
    pub(crate) fn orders(&self, instrument: &Instrument) -> Vec<Place> {
        let limit = self.limit_order(instrument);
        let mut orders = Vec::new();
        if self.rules.order_types.contains(OrderTypes::LIMIT) {
            for time in times(self.rules.times_in_force) {
                orders.push(Place {
                    time_in_force: Some(time),
                    ..limit.clone()
                });
            }
            orders.push(Place {
                side: Side::Sell,
                ..limit.clone()
            });
        }
        if self.rules.order_types.contains(OrderTypes::MARKET) {
            for side in [Side::Buy, Side::Sell] {
                orders.push(Place {
                    side,
                    order_type: OrderType::Market,
                    price: None,
                    time_in_force: None,
                    ..limit.clone()
                });
            }
        }
        orders
    }

    fn market(&self, scenes: &mut Vec<Option<Scene>>) {
        scenes.push(self.scene("list-instruments", None, &()));
        scenes.push(self.scene("get-time", None, &()));
        for instrument in &self.instruments {
            let about = Some(instrument);
            scenes.push(self.scene("get-ticker", about, &()));
            scenes.push(self.scene("get-order-book", about, &GetOrderBook { depth: 5 }));
            if let Some(seconds) = self.rules.candle_seconds.first() {
                let candles = GetCandles {
                    seconds: *seconds,
                    since: None,
                    before: None,
                    limit: 10,
                };
                scenes.push(self.scene("get-candles", about, &candles));
            }
        }
    }

    fn trading(&self, scenes: &mut Vec<Option<Scene>>) {
        let mut abouts: Vec<Option<&Instrument>> = self.instruments.iter().map(Some).collect();
        for instrument in &self.instruments {
            let about = Some(instrument);
            for order in self.orders(instrument) {
                scenes.push(self.scene("place", about, &order));
            }
            if self.rules.amend_mode != AmendMode::Unsupported {
                let change = self.change(instrument);
                let cheaper = Amend {
                    price: Some("49999".to_owned()),
                    ..change.clone()
                };
                // As many digits behind the point, and more: a one in front.
                let smaller = Amend {
                    current_quantity: format!("1{}", change.current_quantity),
                    quantity: Some(change.current_quantity.clone()),
                    ..change
                };
                scenes.push(self.scene("amend", about, &cheaper));
                scenes.push(self.scene("amend", about, &smaller));
            }
            let order = self.order.clone();
            let get = GetOrder {
                order: order.clone(),
            };
            scenes.push(self.scene("cancel", about, &Cancel { order }));
            scenes.push(self.scene("get-order", about, &get));
            scenes.push(self.scene("cancel-all", about, &()));
            scenes.push(self.scene("list-open", about, &()));
        }
        if self.rules.open_without_instrument {
            scenes.push(self.scene("list-open", None, &()));
        }
        if self.rules.history_without_instrument {
            abouts.push(None);
        }
        for about in abouts {
            let (since, before) = (self.now - 3_600_000, self.now);
            let history = ListHistory {
                since,
                before,
                limit: 10,
            };
            scenes.push(self.scene("list-history", about, &history));
            let fills = ListFills {
                order: None,
                since,
                before,
                limit: 10,
            };
            scenes.push(self.scene("list-fills", about, &fills));
        }
    }
}

/// Everything that the descriptor claims, asked once.
pub(crate) fn scenes(adapter: &Adapter, settings: &[Setting]) -> Vec<Scene> {
    let mut scenes = Vec::new();
    for setting in settings {
        if adapter.offers(Capability::Market) {
            setting.market(&mut scenes);
        }
        if adapter.offers(Capability::Trading) {
            setting.trading(&mut scenes);
        }
        if adapter.offers(Capability::Account) {
            scenes.push(setting.scene("list-balances", None, &()));
            scenes.push(setting.scene("list-positions", None, &()));
        }
    }
    scenes.into_iter().flatten().collect()
}

/// The times in force that flags name.
pub(crate) fn times(flags: TimesInForce) -> Vec<TimeInForce> {
    [
        (TimesInForce::GTC, TimeInForce::Gtc),
        (TimesInForce::IOC, TimeInForce::Ioc),
        (TimesInForce::FOK, TimeInForce::Fok),
        (TimesInForce::GTX, TimeInForce::Gtx),
    ]
    .into_iter()
    .filter(|(flag, _)| flags.contains(*flag))
    .map(|(_, time)| time)
    .collect()
}

/// An instrument as most venues have one of the kind.
fn instrument(endpoint: &str, product: Product) -> Instrument {
    let (symbol, venue_symbol, payoff, quote, settle, unit, contract_size) = match product {
        Product::Spot => (
            "BTC/USDT",
            "BTCUSDT",
            Payoff::Delivery,
            "USDT",
            "USDT",
            QuantityUnit::Base,
            "1",
        ),
        Product::UsdMPerpetual => (
            "BTC/USDT:USDT",
            "BTCUSDT",
            Payoff::Linear,
            "USDT",
            "USDT",
            QuantityUnit::Base,
            "1",
        ),
        Product::UsdMDelivery => (
            "BTC/USDT:USDT-301227",
            "BTCUSDT_301227",
            Payoff::Linear,
            "USDT",
            "USDT",
            QuantityUnit::Base,
            "1",
        ),
        Product::UsdCPerpetual => (
            "BTC/USD:BTC",
            "BTCUSD",
            Payoff::Inverse,
            "USD",
            "BTC",
            QuantityUnit::Contracts,
            "100",
        ),
        Product::UsdCDelivery => (
            "BTC/USD:BTC-301227",
            "BTCUSD_301227",
            Payoff::Inverse,
            "USD",
            "BTC",
            QuantityUnit::Contracts,
            "100",
        ),
    };
    let delivers = matches!(product, Product::UsdMDelivery | Product::UsdCDelivery);
    Instrument {
        symbol: symbol.to_owned(),
        venue_symbol: venue_symbol.to_owned(),
        endpoint: endpoint.to_owned(),
        product,
        payoff,
        base: "BTC".to_owned(),
        quote: quote.to_owned(),
        settle: settle.to_owned(),
        quantity_unit: unit,
        contract_size: contract_size.to_owned(),
        // 2030-12-27T08:00:00Z
        expiry: delivers.then_some(1_924_588_800_000),
        hints: Vec::new(),
    }
}
