//! What an account has done: all its orders, its trades, and the amendments of an order.

use serde_json::{Value, json};

use super::orders::Reference;
use super::refusals;
use super::render::{self, Shape};
use super::{BinanceFutures, Call, Reply, contract};
use crate::binance::ApiError;
use crate::binance::format::fixed;
use crate::engine::{Order, View};
use crate::exchange::lookup_view;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The longest range of a lookup, and what is looked up without one.
const RANGE_DAYS: i64 = 7;
/// How far back lookups reach.
const HORIZON_DAYS: i64 = 90;
/// Age at which orders that ended without a fill are no longer found.
const UNFILLED_DAYS: i64 = 3;

/// How lookups see orders: Binance forgets old ones, and unfilled ones sooner.
pub(super) fn view(call: &Call<'_>) -> View {
    let ago = |days: i64| Some(call.now.elapsed_us - days * DAY_MS * 1000);
    let configured = call.settings.forget_unfilled_after_ms.is_some();
    View {
        unfilled_since_us: ago(UNFILLED_DAYS).filter(|_| !configured),
        since_us: ago(HORIZON_DAYS),
        ..lookup_view(call.settings, call.now)
    }
}

/// A range of time in milliseconds, both ends included.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeRange {
    start: i64,
    end: i64,
    pub(super) is_given: bool,
    pub(super) from_start: bool,
}

impl TimeRange {
    /// Reads `startTime` and `endTime`; one end without the other stands for seven days, as does none.
    pub(super) fn read(call: &Call<'_>) -> Result<Self, ApiError> {
        let longest = RANGE_DAYS * DAY_MS;
        let sent_start = call.params.integer("startTime")?;
        let sent_end = call.params.integer("endTime")?;
        let (start, end) = match (sent_start, sent_end) {
            (Some(start), Some(end)) => (start, end),
            (Some(start), None) => (start, start.saturating_add(longest)),
            (None, Some(end)) => (end.saturating_sub(longest), end),
            // Orders may be a moment ahead of a clock that was set back.
            (None, None) => (call.now_ms() - longest, i64::MAX),
        };
        if start > end {
            return Err(refusals::start_after_end());
        }
        let is_given = sent_start.is_some() || sent_end.is_some();
        if is_given && end - start > longest {
            return Err(refusals::interval_too_long(RANGE_DAYS));
        }
        if sent_start.is_some_and(|start| start < call.now_ms() - HORIZON_DAYS * DAY_MS) {
            return Err(refusals::window_too_old());
        }
        Ok(Self {
            start,
            end,
            is_given,
            from_start: sent_start.is_some(),
        })
    }

    /// All of time, where a request pages by ids instead.
    pub(super) fn unless_paged(self, paged: bool) -> Self {
        if !paged || self.is_given {
            return self;
        }
        Self {
            start: i64::MIN,
            end: i64::MAX,
            ..self
        }
    }

    pub(super) fn holds(&self, ms: i64) -> bool {
        (self.start..=self.end).contains(&ms)
    }
}

/// `limit`, which Binance refuses rather than cut to the maximum.
pub(super) fn limit(call: &Call<'_>, (default, most): (usize, usize)) -> Result<usize, ApiError> {
    match call.params.limit(default, usize::MAX)? {
        limit if limit > most => Err(ApiError::invalid_value("limit")),
        limit => Ok(limit),
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

impl BinanceFutures {
    /// The symbols that a request is about: the one named, or all of a pair.
    fn symbols_of(&self, call: &Call<'_>) -> Result<Vec<String>, ApiError> {
        if !self.dialect.coin_margined {
            return Ok(vec![self.listed_symbol(call)?.to_owned()]);
        }
        let pair = self.pair(call)?;
        match (call.params.has("symbol"), pair) {
            (true, Some(_)) => Err(ApiError::bad_combination()),
            (true, None) => Ok(vec![self.listed_symbol(call)?.to_owned()]),
            (false, None) => Err(ApiError::either("symbol", "pair")),
            (false, Some(pair)) => Ok(self.exchange.with(|engine| {
                let listed = engine.listings().filter(|listing| {
                    let contract = listing.instrument.contract.as_ref();
                    contract.is_some_and(|contract| contract.pair == pair)
                });
                listed
                    .map(|listing| listing.instrument.symbol.clone())
                    .collect()
            })),
        }
    }

    pub(super) fn all_orders(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbols = self.symbols_of(call)?;
        let from = call
            .params
            .integer("orderId")?
            .and_then(|id| u64::try_from(id).ok());
        let range = TimeRange::read(call)?.unless_paged(from.is_some());
        let limit = limit(call, self.dialect.all_orders)?;
        call.params.finish()?;
        if from.is_some() && call.params.has("pair") {
            return Err(ApiError::bad_combination());
        }
        self.exchange.with(|engine| {
            let mut orders: Vec<&Order> = symbols
                .iter()
                .flat_map(|symbol| engine.orders(view(call), call.account, symbol))
                .filter(|order| from.is_none_or(|from| order.number >= from))
                .filter(|order| range.holds(order.created.wall_us / 1000))
                .collect();
            orders.sort_by_key(|order| order.id);
            keep(&mut orders, limit, from.is_some() || range.from_start);
            let shown = orders.into_iter().filter_map(|order| {
                let (_, contract) = contract(engine, &order.symbol).ok()?;
                Some(render::order(self.dialect, contract, order, Shape::Listed))
            });
            Reply::ok(&shown.collect::<Vec<_>>())
        })
    }

    pub(super) fn user_trades(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbols = self.symbols_of(call)?;
        let number = |name| {
            let sent = call.params.integer(name)?;
            Ok::<_, ApiError>(sent.and_then(|id| u64::try_from(id).ok()))
        };
        let (order, from) = (number("orderId")?, number("fromId")?);
        let range = TimeRange::read(call)?;
        let limit = limit(call, self.dialect.user_trades)?;
        call.params.finish()?;
        let by_pair = call.params.has("pair");
        if from.is_some() && range.is_given || by_pair && (from.is_some() || order.is_some()) {
            return Err(ApiError::bad_combination());
        }
        let range = range.unless_paged(from.is_some() || order.is_some());
        self.exchange.with(|engine| {
            let mut fills: Vec<_> = engine
                .fills(view(call), call.account)
                .filter(|fill| symbols.contains(&fill.symbol))
                .filter(|fill| order.is_none_or(|order| fill.order_number == order))
                .filter(|fill| from.is_none_or(|from| fill.trade_id >= from))
                .filter(|fill| range.holds(fill.at.wall_us / 1000))
                .collect();
            keep(&mut fills, limit, from.is_some() || range.from_start);
            let shown = fills.into_iter().filter_map(|fill| {
                let (_, contract) = contract(engine, &fill.symbol).ok()?;
                Some(render::user_trade(self.dialect, contract, fill))
            });
            Reply::ok(&shown.collect::<Vec<_>>())
        })
    }

    pub(super) fn amendments(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = self.listed_symbol(call)?;
        let reference = Reference::read(call)?;
        let start = call.params.integer("startTime")?;
        let end = call.params.integer("endTime")?;
        let limit = limit(call, (50, 100))?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            let (_, contract) = contract(engine, symbol)?;
            let price = |value| fixed(value, contract.price_precision);
            let quantity = |value| fixed(value, contract.quantity_precision);
            // Latest first.
            let shown = engine
                .amendments(call.account)
                .rev()
                .filter_map(|amendment| {
                    let order = engine.order(view(call), amendment.order)?;
                    (order.symbol == symbol && reference.names(order)).then_some((amendment, order))
                })
                .filter(|(amendment, _)| {
                    let ms = amendment.at.wall_us / 1000;
                    start.is_none_or(|start| ms >= start) && end.is_none_or(|end| ms <= end)
                })
                .take(limit)
                .map(|(amendment, order)| {
                    json!({
                        "amendmentId": amendment.id,
                        "symbol": order.symbol,
                        "pair": contract.pair,
                        "orderId": order.number,
                        "clientOrderId": order.client_id,
                        "time": amendment.at.wall_us / 1000,
                        "amendment": {
                            "price": { "before": price(amendment.price.0), "after": price(amendment.price.1) },
                            "origQty": { "before": quantity(amendment.quantity.0),
                                         "after": quantity(amendment.quantity.1) },
                            "count": amendment.count,
                        },
                    })
                });
            Reply::ok(&shown.collect::<Vec<Value>>())
        })
    }
}
