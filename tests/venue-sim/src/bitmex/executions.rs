//! Executions: what happened to orders, and the trades alone.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::currencies::{minor_name, minor_units};
use super::errors::BitmexError;
use super::format::{number, time};
use super::ids::Kind;
use super::instruments::set_all;
use super::market_data::listing_number;
use super::render::{Averages, status_name};
use super::sizes::{notionals, order_quantity, signed_cost};
use super::tables::Query;
use super::{Bitmex, Call};
use crate::engine::{Engine, Fill, Listing, Order, OrderId, OrderState, Side, View};
use crate::exchange::lookup_view;

impl Bitmex {
    /// Everything that happened to orders.
    pub(super) fn executions(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        self.execution_table(call, false)
    }

    /// The trades among it.
    pub(super) fn trade_history(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        self.execution_table(call, true)
    }

    fn execution_table(&self, call: &Call<'_>, only_trades: bool) -> Result<Value, BitmexError> {
        let query = Query::read(call.params, 100, 500)?;
        let view = lookup_view(call.settings, call.now);
        let symbol = call
            .params
            .text("symbol")
            .map(|symbol| symbol.to_ascii_uppercase());
        let wanted = |found: &str| symbol.as_deref().is_none_or(|symbol| symbol == found);
        let rows = self.exchange.with(|engine| {
            let engine = &*engine;
            let mut rows = Vec::new();
            if !only_trades {
                rows.extend(self.event_rows(engine, call, view, "New"));
            }
            rows.extend(self.trade_rows(engine, call, view));
            if !only_trades {
                rows.extend(self.event_rows(engine, call, view, "Canceled"));
            }
            rows.retain(|(_, found, _)| wanted(found));
            // In the order in which they happened; events of one moment stay as they were put in.
            rows.sort_by_key(|(at_us, _, _)| *at_us);
            rows.into_iter().map(|(_, _, row)| row).collect()
        });
        Ok(query.choose(rows, &["symbol", "timestamp"]))
    }

    fn trade_rows(
        &self,
        engine: &Engine,
        call: &Call<'_>,
        view: View,
    ) -> Vec<(i64, String, Value)> {
        let mut averages = Averages::default();
        let mut traded: BTreeMap<OrderId, Decimal> = BTreeMap::new();
        let mut rows = Vec::new();
        for fill in engine.fills(view, call.account) {
            averages.add(engine, fill);
            let total = traded.entry(fill.order).or_default();
            *total += fill.quantity;
            let found = engine
                .listing(&fill.symbol)
                .zip(engine.order(View::NOW, fill.order));
            if let Some((listing, order)) = found {
                let mut row = self.common(&listing.instrument, order);
                // An order that was cancelled later had something left then.
                let left = (order.quantity - *total).max(Decimal::ZERO);
                let status = if left.is_zero() {
                    "Filled"
                } else {
                    "PartiallyFilled"
                };
                set_all(&mut row, self.traded(engine, listing, fill, call));
                set_all(
                    &mut row,
                    json!({
                        "ordStatus": status,
                        "workingIndicator": !left.is_zero(),
                        "leavesQty": order_quantity(&listing.instrument, left),
                        "cumQty": order_quantity(&listing.instrument, *total),
                        "avgPx": averages.price(&listing.instrument, order.id).map(number),
                        "text": self.notes.of(order.id).text,
                    }),
                );
                rows.push((fill.at.elapsed_us, fill.symbol.clone(), row));
            }
        }
        rows
    }

    fn traded(&self, engine: &Engine, listing: &Listing, fill: &Fill, call: &Call<'_>) -> Value {
        let instrument = &listing.instrument;
        let number_of = listing_number(engine, &fill.symbol);
        let (home, foreign) = notionals(engine, instrument, fill.quantity, fill.price);
        let sign = match fill.side {
            Side::Buy => Decimal::ONE,
            Side::Sell => Decimal::NEGATIVE_ONE,
        };
        let commission = match fill.is_maker {
            true => call.settings.bitmex_maker_fee,
            false => call.settings.bitmex_taker_fee,
        };
        let at = time(fill.at.wall_us / 1000);
        json!({
            "execID": self.ids.other(Kind::Execution, fill.order.0, fill.trade_id),
            "lastQty": order_quantity(instrument, fill.quantity),
            "lastPx": number(fill.price),
            "lastLiquidityInd": if fill.is_maker { "AddedLiquidity" } else { "RemovedLiquidity" },
            "execType": "Trade",
            "commission": number(commission),
            "feeType": "",
            "tradePublishIndicator": if fill.is_maker { "DoNotPublishTrade" } else { "PublishTrade" },
            "trdMatchID": self.ids.other(Kind::Match, number_of, fill.trade_id),
            "execCost": signed_cost(instrument, fill.side, fill.value),
            "execComm": minor_units(&fill.fee_asset, fill.fee),
            "settlCurrency": minor_name(&fill.fee_asset),
            "homeNotional": number((home * sign).round_dp(8)),
            "foreignNotional": number((-foreign * sign).round_dp(8)),
            "transactTime": at,
            "timestamp": at,
        })
    }

    /// Orders that came in (`New`), or that ended before they were filled (`Canceled`).
    fn event_rows(
        &self,
        engine: &Engine,
        call: &Call<'_>,
        view: View,
        kind: &str,
    ) -> Vec<(i64, String, Value)> {
        let averages = match kind {
            "New" => Averages::default(),
            _ => Averages::of(engine, view, call.account),
        };
        let mut rows = Vec::new();
        let mine = engine
            .accepted()
            .filter(|order| order.account == call.account);
        for order in mine.filter_map(|order| engine.order(view, order.id)) {
            let order = match kind {
                "New" => Order {
                    state: OrderState::New,
                    executed: Decimal::ZERO,
                    updated: order.created,
                    ..order.clone()
                },
                _ if status_name(order.state) == "Canceled" => order.clone(),
                _ => continue,
            };
            let index = u64::from(kind == "New");
            let mut row = self.order_row(engine, &order, &averages);
            set_all(
                &mut row,
                json!({
                    "execID": self.ids.other(Kind::Execution, order.id.0, u64::MAX - index),
                    "execType": kind,
                    "lastQty": null,
                    "lastPx": null,
                    "lastLiquidityInd": "",
                    "commission": null,
                    "trdMatchID": "00000000-0000-0000-0000-000000000000",
                    "execCost": null,
                    "execComm": null,
                    "homeNotional": null,
                    "foreignNotional": null,
                }),
            );
            rows.push((order.updated.elapsed_us, order.symbol.clone(), row));
        }
        rows
    }
}
