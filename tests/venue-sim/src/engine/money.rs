//! What orders and trades do to money: assets change hands, or contracts are margined and settled.

use rust_decimal::{Decimal, RoundingStrategy};

use super::plan::Plan;
use super::{AccountId, Engine, HOUSE, NewOrder, OrderId, Reject, Side, Size};
use crate::clock::Stamp;

/// Digits to which commissions are cut off.
const FEE_SCALE: u32 = 8;

/// One side's share of a trade.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) order: OrderId,
    pub(super) is_maker: bool,
    pub(super) price: Decimal,
    pub(super) quantity: Decimal,
    pub(super) value: Decimal,
}

/// What a trade cost and earned one side.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub(super) fee: Decimal,
    pub(super) fee_asset: String,
    pub(super) realised: Decimal,
}

impl Engine {
    /// What placing the order reserves, if the account has it.
    pub(super) fn reservation(&self, new: &NewOrder, plan: &Plan) -> Result<Decimal, Reject> {
        let instrument = self
            .listing(&new.symbol)
            .map(|listing| &listing.instrument)
            .ok_or_else(|| Reject::UnknownInstrument(new.symbol.clone()))?;
        if instrument.contract.is_some() {
            self.check_margin(new, None)?;
            return Ok(Decimal::ZERO);
        }
        let needed = needed(new, plan).ok_or(Reject::InvalidSize)?;
        let asset = instrument.pays_with(new.side);
        if self.ledger.balance(new.account, asset).free < needed {
            return Err(Reject::InsufficientBalance(asset.to_owned()));
        }
        Ok(needed)
    }

    /// Sets aside what an order needs.
    pub(super) fn reserve(
        &mut self,
        account: AccountId,
        symbol: &str,
        side: Side,
        amount: Decimal,
    ) {
        if let Some(listing) = self.listings.get(symbol) {
            self.ledger
                .lock(account, listing.instrument.pays_with(side), amount);
        }
    }

    /// Frees what an order has set aside.
    pub(super) fn release(
        &mut self,
        account: AccountId,
        symbol: &str,
        side: Side,
        amount: Decimal,
    ) {
        if let Some(listing) = self.listings.get(symbol)
            && !amount.is_zero()
        {
            self.ledger
                .unlock(account, listing.instrument.pays_with(side), amount);
        }
    }

    /// What a limit order has set aside for a quantity.
    pub(super) fn reserved(
        &self,
        symbol: &str,
        side: Side,
        price: Decimal,
        quantity: Decimal,
    ) -> Decimal {
        let is_contract = self
            .listing(symbol)
            .is_some_and(|listing| listing.instrument.contract.is_some());
        match side {
            _ if is_contract => Decimal::ZERO,
            Side::Buy => price * quantity,
            Side::Sell => quantity,
        }
    }

    /// Moves the money of one side of a trade.
    pub(super) fn settle(&mut self, now: Stamp, share: Share) -> Option<Settled> {
        let order = self.orders.get(&share.order)?;
        let (account, side, symbol) = (order.account, order.side, order.symbol.clone());
        let limit = order.kind.limit().unwrap_or(share.price);
        let instrument = &self.listings.get(&symbol)?.instrument;
        if let Some(contract) = instrument.contract.clone() {
            let asset = &contract.margin_asset;
            let fee = self.fee(account, share.is_maker, share.value, asset);
            let signed = match side {
                Side::Buy => share.quantity,
                Side::Sell => -share.quantity,
            };
            let position = self.positions.entry((account, symbol)).or_default();
            let realised = position.trade(contract.payoff, signed, share.value);
            position.updated = now;
            self.ledger
                .receive(account, &contract.margin_asset, realised, fee);
            return Some(Settled {
                fee,
                fee_asset: contract.margin_asset,
                realised,
            });
        }
        let (pay, receive) = match side {
            Side::Buy => (instrument.quote.clone(), instrument.base.clone()),
            Side::Sell => (instrument.base.clone(), instrument.quote.clone()),
        };
        let (paid, received) = match side {
            Side::Buy => (share.value, share.quantity),
            Side::Sell => (share.quantity, share.value),
        };
        let reserved = self.reserved(&symbol, side, limit, share.quantity);
        let fee = self.fee(account, share.is_maker, received, &receive);
        self.ledger.spend_locked(account, &pay, paid);
        self.ledger.unlock(account, &pay, reserved - paid);
        self.ledger.receive(account, &receive, received, fee);
        if let Some(order) = self.orders.get_mut(&share.order) {
            order.locked -= reserved;
        }
        Some(Settled {
            fee,
            fee_asset: receive,
            realised: Decimal::ZERO,
        })
    }

    fn fee(&self, account: AccountId, is_maker: bool, amount: Decimal, asset: &str) -> Decimal {
        if account == HOUSE {
            return Decimal::ZERO;
        }
        let rate = if is_maker {
            self.fees.maker
        } else {
            self.fees.taker
        };
        match self.fee_scales.get(asset) {
            Some(scale) => (amount * rate)
                .round_dp_with_strategy(*scale, RoundingStrategy::MidpointAwayFromZero),
            None => (amount * rate).trunc_with_scale(FEE_SCALE),
        }
    }
}

/// What placing the order reserves, in the asset it pays with.
fn needed(new: &NewOrder, plan: &Plan) -> Option<Decimal> {
    match (new.side, new.size, new.kind.limit()) {
        (Side::Sell, Size::Base(quantity), _) => Some(quantity),
        (Side::Sell, Size::Quote(_), _) => Some(plan.filled),
        (Side::Buy, Size::Base(quantity), Some(price)) => price.checked_mul(quantity),
        (Side::Buy, Size::Base(_), None) => Some(plan.cost),
        (Side::Buy, Size::Quote(amount), _) => Some(amount),
    }
}
