//! Amending an order in place: another price, another quantity, the same number.

use super::order_entry::{refuse_price_match, side};
use super::orders::Reference;
use super::refusals::refusal;
use super::render::{self, Shape, set};
use super::{BinanceFutures, Call, Reply, contract, filters};
use crate::binance::ApiError;
use crate::engine::{Engine, Side, View};
use rust_decimal::Decimal;

/// What an amendment asks for.
#[derive(Debug)]
struct Wanted<'p> {
    symbol: &'p str,
    reference: Reference,
    side: Side,
    price: Decimal,
    quantity: Decimal,
    reduce_only: bool,
    modify_id: Option<i64>,
}

impl BinanceFutures {
    pub(super) fn modify_order(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = self.listed_symbol(call)?;
        let side = side(call.params)?;
        let reference = Reference::read(call)?;
        refuse_price_match(call.params)?;
        call.params.required("quantity")?;
        call.params.required("price")?;
        let wanted = Wanted {
            symbol,
            reference,
            side,
            price: call.params.decimal("price")?.unwrap_or_default(),
            quantity: call.params.decimal("quantity")?.unwrap_or_default(),
            reduce_only: call.params.flag("reduceOnly")?,
            modify_id: call.params.integer("modifyId")?,
        };
        call.params.finish()?;
        self.count_orders(call)?;
        self.exchange
            .with(|engine| self.modify(engine, call, &wanted))
            .map(Reply::counting_orders)
    }

    fn modify(
        &self,
        engine: &mut Engine,
        call: &Call<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<Reply, ApiError> {
        let (listing, found) = contract(engine, wanted.symbol)?;
        if !listing.instrument.trading {
            let message = "Symbol is not in trading status. Order amendment is not permitted.";
            return Err(ApiError::new(-5024, message));
        }
        let id = wanted
            .reference
            .open(engine, call, wanted.symbol)
            .ok_or_else(ApiError::no_such_order)?;
        let order = engine
            .order(View::NOW, id)
            .ok_or_else(ApiError::no_such_order)?;
        if order.side != wanted.side {
            return Err(ApiError::invalid_value("side"));
        }
        if wanted.reduce_only && !order.reduce_only {
            let message = "The original order is not a reduce-only order.";
            return Err(ApiError::new(-5047, message));
        }
        if order.amends >= listing.instrument.max_amends {
            return Err(ApiError::new(-5026, "Exceed maximum modify order limit."));
        }
        filters::check_quantity(wanted.quantity, order.kind, &listing.instrument, found)?;
        filters::check_price(wanted.price, order.side, listing, found)?;
        if !wanted.reduce_only {
            filters::check_worth(listing, found, Some(wanted.price), wanted.quantity).map_err(
                |least| {
                    let least = least.normalize();
                    let message = format!("Order's notional must be no smaller than {least}");
                    ApiError::new(-5029, message)
                },
            )?;
        }
        let modified = engine
            .modify(call.now, id, wanted.price, wanted.quantity)
            .map_err(refusal)?;
        let (_, found) = contract(engine, wanted.symbol)?;
        let mut body = render::order(self.dialect, found, &modified.order, Shape::Amended);
        if let (Some(fields), Some(modify_id)) = (body.as_object_mut(), wanted.modify_id) {
            set(fields, "modifyId", modify_id);
        }
        Reply::ok(&body)
    }
}
