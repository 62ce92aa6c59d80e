//! Placing, cancelling and looking up orders.

use serde_json::json;

use super::filters::{self, AVERAGE_MINUTES, Surroundings};
use super::market_data::listing;
use super::{BinanceSpot, Call, Reply, render};
use crate::binance::ApiError;
use crate::binance::format::amount;
use crate::binance::limits::Rules;
use crate::engine::{Engine, MINUTE_US, NewOrder, Order, OrderState, Placed, Reject, View};
use crate::exchange::lookup_view;

/// The longest range of `allOrders` and `myTrades`.
const MAX_RANGE_HOURS: u32 = 24;
const HOUR_MS: i64 = 3_600_000;

/// How a request names an order.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) number: Option<u64>,
    pub(super) client_id: Option<String>,
}

impl Reference {
    /// Reads the two parameters that can name an order; one must be there.
    pub(super) fn read(call: &Call<'_>, number: &str, client_id: &str) -> Result<Self, ApiError> {
        let found = Self {
            number: call
                .params
                .integer(number)?
                .and_then(|number| u64::try_from(number).ok()),
            client_id: call.params.text(client_id)?.map(str::to_owned),
        };
        if found.number.is_none() && found.client_id.is_none() {
            return Err(ApiError::either(client_id, number));
        }
        Ok(found)
    }

    /// Whether an order is the one named; with both names sent, both must fit.
    fn names(&self, order: &Order) -> bool {
        self.number.is_none_or(|number| number == order.number)
            && self
                .client_id
                .as_ref()
                .is_none_or(|id| *id == order.client_id)
    }

    /// The open order named.
    pub(super) fn open<'e>(
        &self,
        engine: &'e Engine,
        call: &Call<'_>,
        symbol: &str,
    ) -> Option<&'e Order> {
        engine
            .open_orders(View::NOW, call.account, Some(symbol))
            .into_iter()
            .find(|order| self.names(order))
    }
}

impl BinanceSpot {
    pub(super) fn place_order(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let entry = self.read_entry(call)?;
        call.params.finish()?;
        self.limiter.check_orders(
            &Rules::from(&call.settings.limits),
            call.account,
            call.now.wall_us / 1000,
        )?;
        let placed = self
            .exchange
            .with(|engine| self.place(engine, call, entry.order))?;
        let body = render::new_order(call, &placed.order, &placed.fills, entry.response);
        Ok(Reply::ok(&body)?.counting_orders())
    }

    pub(super) fn test_order(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let entry = self.read_entry(call)?;
        let wants_rates = call.params.flag("computeCommissionRates")?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            check(engine, call, &entry.order)?;
            engine.would_accept(&entry.order).map_err(refusal)
        })?;
        if !wants_rates {
            return Reply::ok(&json!({}));
        }
        let (maker, taker) = (
            amount(call.settings.maker_fee),
            amount(call.settings.taker_fee),
        );
        let nothing = json!({ "maker": "0.00000000", "taker": "0.00000000" });
        Reply::ok(&json!({
            "standardCommissionForOrder": { "maker": maker, "taker": taker },
            "specialCommissionForOrder": nothing,
            "taxCommissionForOrder": nothing,
            "discount": { "enabledForAccount": false, "enabledForSymbol": false, "discountAsset": "BNB",
                          "discount": "0.00000000" },
        }))
    }

    /// Filters and places an order, and counts it.
    pub(super) fn place(
        &self,
        engine: &mut Engine,
        call: &Call<'_>,
        order: NewOrder,
    ) -> Result<Placed, ApiError> {
        check(engine, call, &order)?;
        let placed = engine.place(call.now, order).map_err(refusal)?;
        self.limiter
            .count_order(call.account, call.now.wall_us / 1000);
        Ok(placed)
    }

    pub(super) fn cancel_order(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.symbol()?;
        let reference = Reference::read(call, "orderId", "origClientOrderId")?;
        let cancel_id = call
            .params
            .client_id("newClientOrderId")?
            .unwrap_or_else(|| self.access.generated_id());
        let restriction = Restriction::read(call)?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            listing(engine, symbol)?;
            let order = cancel(engine, call, symbol, &reference, restriction)?;
            Reply::ok(&render::cancel(call, &order, cancel_id))
        })
    }

    pub(super) fn cancel_open_orders(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.symbol()?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            listing(engine, symbol)?;
            let open: Vec<_> = engine
                .open_orders(View::NOW, call.account, Some(symbol))
                .into_iter()
                .map(|order| order.id)
                .collect();
            if open.is_empty() {
                return Err(ApiError::unknown_order());
            }
            let mut cancelled = Vec::new();
            for id in open {
                let order = engine.cancel(call.now, id).map_err(refusal)?;
                cancelled.push(render::cancel(call, &order, self.access.generated_id()));
            }
            Reply::ok(&cancelled)
        })
    }

    pub(super) fn query_order(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.symbol()?;
        let reference = Reference::read(call, "orderId", "origClientOrderId")?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            listing(engine, symbol)?;
            let view = lookup_view(call.settings, call.now);
            let mut named = engine
                .orders(view, call.account, symbol)
                .filter(|order| reference.names(order));
            // A client id may have been used again: the latest order has it.
            let order = named.next_back().ok_or_else(ApiError::no_such_order)?;
            Reply::ok(&render::query(call, order))
        })
    }

    pub(super) fn open_orders(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.optional_symbol()?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            if let Some(symbol) = symbol {
                listing(engine, symbol)?;
            }
            let view = lookup_view(call.settings, call.now);
            let open = engine.open_orders(view, call.account, symbol).into_iter();
            Reply::ok(
                &open
                    .map(|order| render::query(call, order))
                    .collect::<Vec<_>>(),
            )
        })
    }

    pub(super) fn all_orders(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.symbol()?;
        let from = call
            .params
            .integer("orderId")?
            .and_then(|id| u64::try_from(id).ok());
        let range = TimeRange::read(call)?;
        let limit = call.params.limit(500, 1000)?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            listing(engine, symbol)?;
            let view = lookup_view(call.settings, call.now);
            let mut orders: Vec<_> = engine
                .orders(view, call.account, symbol)
                .filter(|order| from.is_none_or(|from| order.number >= from))
                .filter(|order| range.holds(order.created.wall_us / 1000))
                .map(|order| render::query(call, order))
                .collect();
            keep(&mut orders, limit, from.is_some() || range.start.is_some());
            Reply::ok(&orders)
        })
    }
}

/// Keeps the first `limit` of a list that was asked for from a point on, else the last.
pub(super) fn keep<T>(list: &mut Vec<T>, limit: usize, forward: bool) {
    if forward {
        list.truncate(limit);
    } else {
        list.drain(..list.len().saturating_sub(limit));
    }
}

/// `startTime` and `endTime`, in milliseconds, both inclusive.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeRange {
    pub(super) start: Option<i64>,
    end: Option<i64>,
}

impl TimeRange {
    pub(super) fn read(call: &Call<'_>) -> Result<Self, ApiError> {
        let range = Self {
            start: call.params.integer("startTime")?,
            end: call.params.integer("endTime")?,
        };
        if let (Some(start), Some(end)) = (range.start, range.end) {
            if start > end {
                return Err(ApiError::invalid_value("startTime"));
            }
            if end - start > i64::from(MAX_RANGE_HOURS) * HOUR_MS {
                return Err(ApiError::range_too_long(MAX_RANGE_HOURS));
            }
        }
        Ok(range)
    }

    pub(super) fn is_given(&self) -> bool {
        self.start.is_some() || self.end.is_some()
    }

    pub(super) fn holds(&self, ms: i64) -> bool {
        self.start.is_none_or(|start| ms >= start) && self.end.is_none_or(|end| ms <= end)
    }
}

/// In which state an order must be for a cancel to go through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Restriction(Option<OrderState>);

impl Restriction {
    pub(super) fn read(call: &Call<'_>) -> Result<Self, ApiError> {
        match call.params.text("cancelRestrictions")? {
            None => Ok(Self(None)),
            Some("ONLY_NEW") => Ok(Self(Some(OrderState::New))),
            Some("ONLY_PARTIALLY_FILLED") => Ok(Self(Some(OrderState::PartiallyFilled))),
            Some(_) => Err(ApiError::new(-1145, "Invalid cancelRestrictions")),
        }
    }
}

/// Cancels the order named, if it is open and in the state asked for.
pub(super) fn cancel(
    engine: &mut Engine,
    call: &Call<'_>,
    symbol: &str,
    reference: &Reference,
    restriction: Restriction,
) -> Result<Order, ApiError> {
    let order = reference
        .open(engine, call, symbol)
        .ok_or_else(ApiError::unknown_order)?;
    if restriction.0.is_some_and(|state| state != order.state) {
        return Err(ApiError::new(
            -2011,
            "Order was not canceled due to cancel restrictions.",
        ));
    }
    let id = order.id;
    engine
        .cancel(call.now, id)
        .map_err(|_| ApiError::unknown_order())
}

/// Judges an order by the state of the market, before the engine sees it.
pub(super) fn check(engine: &Engine, call: &Call<'_>, order: &NewOrder) -> Result<(), ApiError> {
    let listing = listing(engine, &order.symbol)?;
    if !listing.instrument.trading {
        return Err(refusal(Reject::MarketClosed));
    }
    let since = call.now.wall_us - AVERAGE_MINUTES * MINUTE_US;
    let average_price = listing
        .history
        .average_price(since)
        .unwrap_or(listing.instrument.initial_price);
    let open_orders = engine
        .open_orders(View::NOW, call.account, Some(&order.symbol))
        .len();
    filters::check(
        order,
        &listing.instrument,
        Surroundings {
            average_price,
            open_orders,
        },
    )
}

/// The engine's refusal in Binance's words.
pub(super) fn refusal(reject: Reject) -> ApiError {
    match reject {
        Reject::UnknownInstrument(_) => ApiError::invalid_symbol(),
        Reject::MarketClosed => ApiError::new(-1013, "Market is closed."),
        Reject::InvalidSize => ApiError::new(-1013, "Invalid quantity."),
        Reject::DuplicateClientId => ApiError::order_rejected("Duplicate order sent."),
        Reject::InsufficientBalance(_) => {
            ApiError::order_rejected("Account has insufficient balance for requested action.")
        }
        Reject::WouldTake => ApiError::order_rejected("Order would immediately match and take."),
        // The last three never come from a spot market.
        Reject::UnknownOrder
        | Reject::NothingToReduce
        | Reject::WouldTrigger
        | Reject::WouldNotFill => ApiError::unknown_order(),
        Reject::NotAReduction => {
            ApiError::order_rejected("Order amend (quantity increase) is not supported.")
        }
        Reject::NoChange => {
            ApiError::order_rejected("The requested action would change no state; rejecting.")
        }
    }
}
