//! Placing, cancelling and looking up orders.

use serde_json::{Value, json};

use super::history::view;
use super::order_entry::{Entry, ResponseType};
use super::refusals::refusal;
use super::render::{self, Shape};
use super::{BinanceFutures, Call, Reply, contract, filters};
use crate::binance::ApiError;
use crate::engine::{Engine, NewOrder, Order, OrderId, OrderKind, TimeInForce, View};

/// How a request names an order. The number prevails when both are sent.
#[derive(Debug)]
pub(super) enum Reference {
    Number(u64),
    ClientId(String),
}

impl Reference {
    /// Reads the two parameters that can name an order, if one is there.
    pub(super) fn optional(call: &Call<'_>) -> Result<Option<Self>, ApiError> {
        let number = call.params.integer("orderId")?;
        let client_id = call.params.text("origClientOrderId")?;
        Ok(match (number, client_id) {
            (Some(number), _) => Some(Self::Number(u64::try_from(number).unwrap_or_default())),
            (None, Some(id)) => Some(Self::ClientId(id.to_owned())),
            (None, None) => None,
        })
    }

    /// Reads the two parameters that can name an order; one must be there.
    pub(super) fn read(call: &Call<'_>) -> Result<Self, ApiError> {
        Self::optional(call)?.ok_or_else(|| ApiError::either("origClientOrderId", "orderId"))
    }

    /// Whether an order is the one named.
    pub(super) fn names(&self, order: &Order) -> bool {
        match self {
            Self::Number(number) => *number == order.number,
            Self::ClientId(id) => *id == order.client_id,
        }
    }

    /// The open order named.
    pub(super) fn open(&self, engine: &Engine, call: &Call<'_>, symbol: &str) -> Option<OrderId> {
        engine
            .open_orders(View::NOW, call.account, Some(symbol))
            .into_iter()
            .find(|order| self.names(order))
            .map(|order| order.id)
    }
}

impl BinanceFutures {
    pub(super) fn place_order(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let entry = self.read_entry(call)?;
        call.params.finish()?;
        let body = self.place(call, entry)?;
        Ok(Reply::ok(&body)?.counting_orders())
    }

    /// Counts, filters and places an order, and shows it as its sender asked.
    pub(super) fn place(&self, call: &Call<'_>, entry: Entry) -> Result<Value, ApiError> {
        self.count_orders(call)?;
        self.exchange.with(|engine| {
            check(engine, &entry.order)?;
            let symbol = entry.order.symbol.clone();
            let placed = engine.place(call.now, entry.order).map_err(refusal)?;
            let shape = match entry.response {
                ResponseType::Result if is_immediate(&placed.order) => Shape::Ended,
                _ => Shape::Accepted,
            };
            let (_, contract) = contract(engine, &symbol)?;
            Ok(render::order(self.dialect, contract, &placed.order, shape))
        })
    }

    /// Refuses or counts a request that the order limits count. Binance counts those that fail as well.
    pub(super) fn count_orders(&self, call: &Call<'_>) -> Result<(), ApiError> {
        let rules = self.rules(call.settings);
        self.limiter
            .check_orders(&rules, call.account, call.now_ms())?;
        self.limiter.count_order(call.account, call.now_ms());
        Ok(())
    }

    pub(super) fn cancel_order(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = self.listed_symbol(call)?;
        let reference = Reference::read(call)?;
        call.params.finish()?;
        Reply::ok(&self.cancel(call, symbol, &reference)?)
    }

    /// Cancels the open order named.
    pub(super) fn cancel(
        &self,
        call: &Call<'_>,
        symbol: &str,
        reference: &Reference,
    ) -> Result<Value, ApiError> {
        self.exchange.with(|engine| {
            let id = reference
                .open(engine, call, symbol)
                .ok_or_else(ApiError::unknown_order)?;
            let order = engine.cancel(call.now, id).map_err(refusal)?;
            let (_, contract) = contract(engine, symbol)?;
            Ok(render::order(
                self.dialect,
                contract,
                &order,
                Shape::Cancelled,
            ))
        })
    }

    pub(super) fn cancel_all(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = self.listed_symbol(call)?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            let open: Vec<OrderId> = engine
                .open_orders(View::NOW, call.account, Some(symbol))
                .into_iter()
                .map(|order| order.id)
                .collect();
            for id in open {
                engine.cancel(call.now, id).map_err(refusal)?;
            }
            Ok::<_, ApiError>(())
        })?;
        let message = "The operation of cancel all open order is done.";
        Reply::ok(&json!({ "code": 200, "msg": message }))
    }

    pub(super) fn query_order(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        self.query(call, |_| true)
    }

    pub(super) fn query_open_order(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        self.query(call, |order| order.state.is_open())
    }

    fn query(&self, call: &Call<'_>, wanted: fn(&Order) -> bool) -> Result<Reply, ApiError> {
        let symbol = self.listed_symbol(call)?;
        let reference = Reference::read(call)?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            // A client id may have been used again: the latest order has it.
            let order = engine
                .orders(view(call), call.account, symbol)
                .rfind(|order| reference.names(order))
                .filter(|order| wanted(order))
                .ok_or_else(ApiError::no_such_order)?;
            let (_, contract) = contract(engine, symbol)?;
            Reply::ok(&render::order(self.dialect, contract, order, Shape::Listed))
        })
    }

    pub(super) fn open_orders(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.optional_symbol()?;
        let pair = self.pair(call)?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            if let Some(symbol) = symbol {
                contract(engine, symbol)?;
            }
            let open = engine
                .open_orders(view(call), call.account, symbol)
                .into_iter()
                .filter_map(|order| Some((order, contract(engine, &order.symbol).ok()?.1)))
                .filter(|(_, contract)| pair.is_none_or(|pair| contract.pair == pair))
                .map(|(order, contract)| {
                    render::order(self.dialect, contract, order, Shape::Listed)
                });
            Reply::ok(&open.collect::<Vec<_>>())
        })
    }

    /// The `pair` of a request, where the API knows such a parameter.
    pub(super) fn pair<'p>(&self, call: &Call<'p>) -> Result<Option<&'p str>, ApiError> {
        if !self.dialect.coin_margined {
            return Ok(None);
        }
        let Some(pair) = call.params.text("pair")? else {
            return Ok(None);
        };
        let known = self.exchange.with(|engine| {
            engine
                .listings()
                .filter_map(|listing| listing.instrument.contract.as_ref())
                .any(|contract| contract.pair == pair)
        });
        if known {
            Ok(Some(pair))
        } else {
            Err(ApiError::new(-4144, "Invalid pair."))
        }
    }
}

/// Whether an order has ended as soon as it was placed.
fn is_immediate(order: &Order) -> bool {
    order.kind == OrderKind::Market || order.time_in_force != TimeInForce::Gtc
}

/// Judges an order by the state of the market, before the engine sees it.
fn check(engine: &Engine, order: &NewOrder) -> Result<(), ApiError> {
    let (listing, contract) = contract(engine, &order.symbol)?;
    let open = engine.open_orders(View::NOW, order.account, Some(&order.symbol));
    filters::check(listing, contract, order, open.len())
}
