//! Margin: what positions and open orders of an account tie up, and what is left for new ones.
//!
//! Everything is cross margin in one-way mode. A position's profit counts as margin, as does its loss. Orders that
//! can only be filled against the position tie up nothing: per contract the larger of the two exposures counts that
//! the account could reach by its bids alone or by its asks alone.

use rust_decimal::Decimal;

use super::{
    AccountId, Contract, Engine, HOUSE, NewOrder, Order, Position, Reject, Side, Size, View,
};

/// Leverage until an account chooses another.
pub const DEFAULT_LEVERAGE: u32 = 20;

/// What one contract ties up of an account's margin, in the margin asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exposure {
    /// Worth of the position at the mark price, negative when short.
    pub notional: Decimal,
    /// Worth of the bids that may open a position.
    pub bids: Decimal,
    /// Worth of the asks that may open a position.
    pub asks: Decimal,
    /// Profit of the position at the mark price.
    pub unrealised: Decimal,
    /// Margin of the position.
    pub position_margin: Decimal,
    /// Margin of the open orders.
    pub order_margin: Decimal,
}

impl Exposure {
    fn margined(mut self, leverage: u32) -> Self {
        let leverage = Decimal::from(leverage.max(1));
        let reached = (self.notional + self.bids)
            .abs()
            .max((self.notional - self.asks).abs());
        self.position_margin = self.notional.abs() / leverage;
        self.order_margin = reached / leverage - self.position_margin;
        self
    }

    /// Margin of position and orders.
    #[must_use]
    pub fn margin(&self) -> Decimal {
        self.position_margin + self.order_margin
    }
}

/// The margin account in one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wallet {
    /// What is there, profits and fees included.
    pub balance: Decimal,
    /// Profit of all positions at mark prices.
    pub unrealised: Decimal,
    /// Margin of all positions.
    pub position_margin: Decimal,
    /// Margin of all open orders.
    pub order_margin: Decimal,
    /// Worth of all positions, without signs; what maintenance margin is a fraction of.
    pub maintenance_base: Decimal,
}

impl Wallet {
    /// What new orders may use.
    #[must_use]
    pub fn available(&self) -> Decimal {
        let left = self.balance + self.unrealised - self.position_margin - self.order_margin;
        left.max(Decimal::ZERO)
    }
}

impl Engine {
    /// Sets the price at which positions are valued.
    pub fn set_mark(&mut self, symbol: &str, mark: Decimal) {
        if let Some(listing) = self.listings.get_mut(symbol) {
            listing.mark = Some(mark);
        }
    }

    /// An account's position; empty if it has none.
    #[must_use]
    pub fn position(&self, account: AccountId, symbol: &str) -> Position {
        let key = (account, symbol.to_owned());
        self.positions.get(&key).copied().unwrap_or_default()
    }

    /// Every account's positions, the house's included, and those that have become empty.
    pub fn positions(&self) -> impl Iterator<Item = (AccountId, &str, &Position)> {
        self.positions
            .iter()
            .map(|((account, symbol), position)| (*account, symbol.as_str(), position))
    }

    /// The leverage that an account has chosen for a contract.
    #[must_use]
    pub fn leverage(&self, account: AccountId, symbol: &str) -> u32 {
        let key = (account, symbol.to_owned());
        self.leverage
            .get(&key)
            .copied()
            .unwrap_or(self.default_leverage)
    }

    /// Chooses the leverage for a contract.
    ///
    /// # Errors
    /// [`Reject::InsufficientBalance`] when what is open would need more margin than there is.
    pub fn set_leverage(
        &mut self,
        account: AccountId,
        symbol: &str,
        leverage: u32,
    ) -> Result<(), Reject> {
        let instrument = self
            .listing(symbol)
            .map(|listing| listing.instrument.clone())
            .ok_or_else(|| Reject::UnknownInstrument(symbol.to_owned()))?;
        let contract = instrument.contract.ok_or(Reject::InvalidSize)?;
        let exposure = self.exposure(account, symbol);
        let more = exposure.margined(leverage).margin() - exposure.margin();
        if more > self.wallet(account, &contract.margin_asset).available() {
            return Err(Reject::InsufficientBalance(contract.margin_asset));
        }
        self.leverage.insert((account, symbol.to_owned()), leverage);
        Ok(())
    }

    /// What a contract ties up of an account's margin.
    #[must_use]
    pub fn exposure(&self, account: AccountId, symbol: &str) -> Exposure {
        let mut exposure = Exposure::default();
        let Some((listing, contract)) = self
            .listing(symbol)
            .and_then(|listing| Some((listing, listing.instrument.contract.as_ref()?)))
        else {
            return exposure;
        };
        let mark = listing.mark();
        let position = self.position(account, symbol);
        let payoff = contract.payoff;
        exposure.notional = payoff.value(mark, position.quantity).unwrap_or_default();
        exposure.unrealised = position.unrealised(payoff, mark);
        for order in self.open_orders(View::NOW, account, Some(symbol)) {
            let Some(price) = order.kind.limit().filter(|_| !order.reduce_only) else {
                continue;
            };
            let worth = payoff.value(price, order.remaining()).unwrap_or_default();
            match order.side {
                Side::Buy => exposure.bids += worth,
                Side::Sell => exposure.asks += worth,
            }
        }
        exposure.margined(self.leverage(account, symbol))
    }

    /// The margin account of an account in one asset.
    #[must_use]
    pub fn wallet(&self, account: AccountId, asset: &str) -> Wallet {
        let mut wallet = Wallet {
            balance: self.ledger.balance(account, asset).free,
            ..Wallet::default()
        };
        for (symbol, _) in self.contracts_in(asset) {
            let exposure = self.exposure(account, symbol);
            wallet.unrealised += exposure.unrealised;
            wallet.position_margin += exposure.position_margin;
            wallet.order_margin += exposure.order_margin;
            wallet.maintenance_base += exposure.notional.abs();
        }
        wallet
    }

    fn contracts_in(&self, asset: &str) -> impl Iterator<Item = (&str, &Contract)> {
        self.listings.values().filter_map(move |listing| {
            let contract = listing.instrument.contract.as_ref()?;
            (contract.margin_asset == asset)
                .then_some((listing.instrument.symbol.as_str(), contract))
        })
    }

    /// How much an order of this side could still take off the account's position.
    #[must_use]
    pub fn reducible(&self, account: AccountId, symbol: &str, side: Side) -> Decimal {
        let held = self.position(account, symbol).quantity;
        match side {
            Side::Buy => -held,
            Side::Sell => held,
        }
        .max(Decimal::ZERO)
    }

    /// Whether the account has the margin for an order on a contract, or for putting it in another's place.
    pub(super) fn check_margin(
        &self,
        new: &NewOrder,
        replaced: Option<&Order>,
    ) -> Result<(), Reject> {
        let (Some(listing), Size::Base(quantity)) = (self.listing(&new.symbol), new.size) else {
            return Err(Reject::InvalidSize);
        };
        let Some(contract) = &listing.instrument.contract else {
            return Ok(());
        };
        let worth = |price, quantity| {
            let value = contract.payoff.value(price, quantity);
            value.ok_or(Reject::InvalidSize)
        };
        let added = worth(new.kind.limit().unwrap_or(listing.mark()), quantity)?;
        // The house is the counterparty of everyone and needs no margin.
        if new.account == HOUSE || new.reduce_only {
            return Ok(());
        }
        let removed = match replaced.and_then(|order| Some((order, order.kind.limit()?))) {
            Some((order, price)) => worth(price, order.remaining())?,
            None => Decimal::ZERO,
        };
        let before = self.exposure(new.account, &new.symbol);
        let mut after = before;
        match new.side {
            Side::Buy => after.bids += added - removed,
            Side::Sell => after.asks += added - removed,
        }
        let leverage = self.leverage(new.account, &new.symbol);
        let more = after.margined(leverage).margin() - before.margin();
        let available = self.wallet(new.account, &contract.margin_asset).available();
        if more > Decimal::ZERO && more > available {
            return Err(Reject::InsufficientBalance(contract.margin_asset.clone()));
        }
        Ok(())
    }
}
