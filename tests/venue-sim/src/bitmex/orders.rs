//! Placing, amending, cancelling and listing orders.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::currencies::{Currency, minor_name};
use super::entry;
use super::errors::BitmexError;
use super::render::{Averages, shown, status_name};
use super::tables::Query;
use super::{Bitmex, Call};
use crate::engine::{Engine, NewOrder, Order, OrderId, Reject, Size, View};
use crate::exchange::lookup_view;

impl Bitmex {
    pub(super) fn place_order(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        self.exchange.with(|engine| {
            let entry = entry::read(engine, call)?;
            let wanted = entry.order.clone();
            let placed = engine
                .place(call.now, entry.order)
                .map_err(|reject| refusal(engine, &reject, Some(&wanted)))?;
            self.notes
                .change(placed.order.id, |note| *note = entry.note);
            Ok(self.answer(engine, call, &placed.order))
        })
    }

    pub(super) fn amend_order(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        let params = call.params;
        self.exchange.with(|engine| {
            let order = self.amended(engine, call)?;
            if !order.state.is_open() {
                return Err(BitmexError::http(400, "Invalid ordStatus"));
            }
            let instrument = engine
                .listing(&order.symbol)
                .map(|listing| listing.instrument.clone())
                .ok_or_else(|| BitmexError::invalid("symbol"))?;
            let (total, left) = (params.integer("orderQty")?, params.integer("leavesQty")?);
            let wanted = match (total, left) {
                (Some(_), Some(_)) => {
                    return Err(BitmexError::http(
                        400,
                        "Only one qty field can be used to amend",
                    ));
                }
                (Some(total), None) => Some(entry::quantity(&instrument, total.saturating_abs())?),
                (None, Some(0)) => Some(order.executed),
                (None, Some(left)) => {
                    let left = entry::quantity(&instrument, left.saturating_abs())?;
                    Some(order.executed + left)
                }
                (None, None) => None,
            };
            if params.text("clOrdID").is_some() && params.text("origClOrdID").is_none() {
                return Err(BitmexError::required("origClOrdID"));
            }
            let old_price = order.kind.limit().unwrap_or_default();
            let price = params.decimal("price")?;
            if let Some(price) = price {
                entry::check_price(&instrument, price)?;
            }
            let client_id = params.text("clOrdID").filter(|id| *id != order.client_id);
            let new_quantity = wanted.filter(|wanted| *wanted != order.quantity);
            let new_price = price.filter(|price| *price != old_price);
            if new_quantity.is_none() && new_price.is_none() && client_id.is_none() {
                let message = "Invalid amend: orderQty, leavesQty, price, stopPx unchanged";
                return Err(BitmexError::http(400, message));
            }
            if let Some(client_id) = &client_id {
                entry::check_client_id(engine, call, client_id)?;
            }
            if new_quantity.is_some() || new_price.is_some() {
                let quantity = new_quantity.unwrap_or(order.quantity);
                let price = new_price.unwrap_or(old_price);
                engine
                    .modify(call.now, order.id, price, quantity)
                    .map_err(|reject| refusal(engine, &reject, None))?;
            }
            if let Some(client_id) = client_id
                && engine
                    .order(View::NOW, order.id)
                    .is_some_and(|order| order.state.is_open())
            {
                let renamed = engine.rename_order(order.id, client_id);
                renamed.map_err(|reject| refusal(engine, &reject, None))?;
            }
            let changed: Vec<&str> = [new_quantity.map(|_| "orderQty"), new_price.map(|_| "price")]
                .into_iter()
                .flatten()
                .collect();
            let reason = params
                .text("text")
                .unwrap_or_else(|| "Amended via API.".to_owned());
            self.notes.change(order.id, |note| {
                note.text = format!("Amended {}: {reason}\n{}", changed.join(" "), note.text);
            });
            let order = engine
                .order(View::NOW, order.id)
                .cloned()
                .ok_or_else(BitmexError::not_found)?;
            Ok(self.answer(engine, call, &order))
        })
    }

    /// The order that an amendment means.
    fn amended(&self, engine: &Engine, call: &Call<'_>) -> Result<Order, BitmexError> {
        let (name, found) = if let Some(id) = call.params.text("orderID") {
            ("orderID", self.named(engine, call, &id))
        } else if let Some(client_id) = call.params.text("origClOrdID") {
            ("origClOrdID", latest(engine, call, &client_id))
        } else {
            let message = "Either an orderID or an origClOrdID must be provided.";
            return Err(BitmexError::http(400, message));
        };
        found
            .cloned()
            .ok_or_else(|| BitmexError::http(400, format!("Invalid {name}")))
    }

    pub(super) fn cancel_orders(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        let (ids, client_ids) = (call.params.list("orderID"), call.params.list("clOrdID"));
        if ids.is_empty() && client_ids.is_empty() {
            let message = "Either an orderID or a clOrdID must be provided.";
            return Err(BitmexError::http(400, message));
        }
        self.exchange.with(|engine| {
            let by_id = ids
                .iter()
                .map(|id| ("orderID", id, self.named(engine, call, id)));
            let by_client_id = client_ids
                .iter()
                .map(|id| ("clOrdID", id, latest(engine, call, id)));
            let found: Vec<(&str, &String, Option<OrderId>)> = by_id
                .chain(by_client_id)
                .map(|(name, id, order)| (name, id, order.map(|order| order.id)))
                .collect();
            if found.iter().all(|(_, _, order)| order.is_none()) {
                return Err(BitmexError::not_found());
            }
            let rows = found.into_iter().map(|(name, id, order)| match order {
                Some(order) => self.cancelled(engine, call, order),
                None => json!({
                    name: id,
                    "error": "Unable to cancel order: Not found or not owned by user",
                }),
            });
            Ok(rows.collect())
        })
    }

    pub(super) fn cancel_all(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        let query = Query::read(call.params, usize::MAX, usize::MAX)?;
        let symbol = call
            .params
            .text("symbol")
            .map(|symbol| symbol.to_ascii_uppercase());
        self.exchange.with(|engine| {
            let averages = Averages::of(engine, View::NOW, call.account);
            let open: Vec<OrderId> = engine
                .open_orders(View::NOW, call.account, symbol.as_deref())
                .into_iter()
                .filter(|order| query.wants(&self.order_row(engine, order, &averages)))
                .map(|order| order.id)
                .collect();
            let rows = open.into_iter().map(|id| self.cancelled(engine, call, id));
            Ok(rows.collect())
        })
    }

    /// Cancels one order, and shows it with an error if it had ended already.
    fn cancelled(&self, engine: &mut Engine, call: &Call<'_>, id: OrderId) -> Value {
        let text = call.params.text("text");
        let refused = match engine.cancel(call.now, id) {
            Ok(_) => {
                self.notes.change(id, |note| note.cancel_text = text);
                false
            }
            Err(_) => true,
        };
        let Some(order) = engine.order(View::NOW, id) else {
            return Value::Null;
        };
        let mut row = self.answer(engine, call, order);
        if refused && let Some(fields) = row.as_object_mut() {
            let state = status_name(order.state);
            let error = format!("Unable to cancel order due to existing state: {state}");
            fields.insert("error".to_owned(), Value::String(error));
        }
        row
    }

    pub(super) fn list_orders(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        let query = Query::read(call.params, 100, 500)?;
        let view = lookup_view(call.settings, call.now);
        let symbol = call
            .params
            .text("symbol")
            .map(|symbol| symbol.to_ascii_uppercase());
        let rows = self.exchange.with(|engine| {
            let averages = Averages::of(engine, view, call.account);
            let mut orders: Vec<&Order> = engine
                .listings()
                .map(|listing| listing.instrument.symbol.as_str())
                .filter(|listed| symbol.as_deref().is_none_or(|symbol| symbol == *listed))
                .flat_map(|listed| engine.orders(view, call.account, listed))
                .collect();
            orders.sort_by_key(|order| order.id);
            let row = |order: &Order| self.order_row(engine, order, &averages);
            orders.into_iter().map(row).collect()
        });
        Ok(query.choose(rows, &["orderID", "symbol"]))
    }

    fn answer(&self, engine: &Engine, call: &Call<'_>, order: &Order) -> Value {
        let averages = Averages::of(engine, View::NOW, call.account);
        shown(self.order_row(engine, order, &averages))
    }

    /// The caller's order of this id.
    fn named<'e>(&self, engine: &'e Engine, call: &Call<'_>, id: &str) -> Option<&'e Order> {
        let found = engine.order(View::NOW, self.ids.find_order(id)?)?;
        Some(found).filter(|order| order.account == call.account)
    }
}

/// The caller's order of this client id: the open one, or else the last one.
fn latest<'e>(engine: &'e Engine, call: &Call<'_>, client_id: &str) -> Option<&'e Order> {
    let same = |order: &&Order| order.client_id == client_id;
    let open = engine.open_orders(View::NOW, call.account, None);
    open.into_iter().find(same).or_else(|| {
        let mine = engine
            .accepted()
            .filter(|order| order.account == call.account);
        mine.filter(same).last()
    })
}

/// The engine's refusal in BitMEX's words.
fn refusal(engine: &Engine, reject: &Reject, wanted: Option<&NewOrder>) -> BitmexError {
    match reject {
        Reject::UnknownInstrument(_) => BitmexError::invalid("symbol"),
        Reject::MarketClosed => BitmexError::http(400, "Instrument is not open for trading"),
        Reject::DuplicateClientId => BitmexError::http(400, "Duplicate clOrdID"),
        Reject::InsufficientBalance(asset) => {
            let required = wanted
                .and_then(|order| required(engine, order))
                .unwrap_or_default();
            let required = Currency::of(asset).map_or(0, |c| c.minor_units(required));
            let minor = minor_name(asset);
            BitmexError::validation(format!(
                "Account has insufficient Available Balance, {required} {minor} required"
            ))
        }
        Reject::UnknownOrder => BitmexError::http(400, "Invalid ordStatus"),
        Reject::NoChange | Reject::NotAReduction => BitmexError::http(
            400,
            "Invalid amend: orderQty, leavesQty, price, stopPx unchanged",
        ),
        Reject::InvalidSize
        | Reject::NothingToReduce
        | Reject::WouldTake
        | Reject::WouldNotFill
        | Reject::WouldTrigger => BitmexError::invalid("orderQty"),
    }
}

/// What an order needs, in the asset that it needs.
fn required(engine: &Engine, order: &NewOrder) -> Option<Decimal> {
    let listing = engine.listing(&order.symbol)?;
    let (Size::Base(quantity) | Size::Quote(quantity)) = order.size;
    let price = order.kind.limit().unwrap_or(listing.mark());
    let worth = listing.instrument.value(price, quantity)?;
    match (&listing.instrument.contract, order.side) {
        (Some(_), _) => {
            let leverage = engine.leverage(order.account, &order.symbol);
            worth.checked_div(Decimal::from(leverage))
        }
        (None, crate::engine::Side::Buy) => Some(worth),
        (None, crate::engine::Side::Sell) => Some(quantity),
    }
}
