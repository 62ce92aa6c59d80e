//! A venue-neutral matching engine: exact decimals, price-time priority, balances that always add up.

mod amend;
mod book;
mod conditional;
mod contract;
#[cfg(test)]
mod contract_tests;
mod history;
mod ledger;
mod lookup;
mod margin;
mod money;
mod plan;
mod settlement;
#[cfg(test)]
mod tests;
mod types;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rust_decimal::Decimal;

pub use amend::{Amendment, Modified};
pub use book::{Book, Levels, Resting};
pub use conditional::{
    Conditional, ConditionalState, NewConditional, Trailing, Trigger, WorkingPrice,
};
pub use contract::{Contract, Payoff, Phase, Position, Series, VALUE_SCALE};
pub use history::{Candle, History, MINUTE_US};
pub use ledger::{Balance, Ledger};
pub use lookup::View;
pub use margin::{DEFAULT_LEVERAGE, Exposure, Wallet};
pub use types::{
    AccountId, Fees, Fill, HOUSE, Instrument, NewOrder, Order, OrderId, OrderKind, OrderState,
    Reject, SelfTradePrevention, Side, Size, TimeInForce, Trade,
};

use crate::clock::Stamp;
use plan::{Plan, Step, Taker, plan};

/// What exists per instrument.
#[derive(Debug)]
pub struct Listing {
    /// The rules.
    pub instrument: Instrument,
    /// Resting orders.
    pub book: Book,
    /// Public trades and candles.
    pub history: History,
    mark: Option<Decimal>,
    next_number: u64,
    next_trade: u64,
}

impl Listing {
    /// The price at which positions are valued.
    #[must_use]
    pub fn mark(&self) -> Decimal {
        self.mark.unwrap_or(self.instrument.initial_price)
    }
}

/// An accepted order and what it traded on arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The order after matching.
    pub order: Order,
    /// Its fills, in order.
    pub fills: Vec<Fill>,
}

/// The engine of one market.
#[derive(Debug)]
pub struct Engine {
    listings: BTreeMap<String, Listing>,
    /// Who has what.
    pub ledger: Ledger,
    /// What trading costs everyone but the house.
    pub fees: Fees,
    orders: BTreeMap<OrderId, Order>,
    revisions: BTreeMap<OrderId, Vec<Order>>,
    /// Orders that are open, and all orders by instrument, of everyone but the house.
    open: BTreeMap<AccountId, BTreeSet<OrderId>>,
    by_instrument: BTreeMap<(AccountId, String), Vec<OrderId>>,
    open_client_ids: HashMap<(AccountId, String, String), OrderId>,
    accepted_client_ids: BTreeMap<(AccountId, String), u64>,
    fills: Vec<Fill>,
    amendments: Vec<Amendment>,
    positions: BTreeMap<(AccountId, String), Position>,
    leverage: BTreeMap<(AccountId, String), u32>,
    conditionals: BTreeMap<u64, Conditional>,
    next_order: u64,
    /// Refuse a client id that an open order of the same account and instrument has.
    pub unique_open_client_ids: bool,
    /// Refuse a fill-or-kill order that cannot fill whole, instead of taking and expiring it.
    pub refuses_unfillable: bool,
    /// Take a post-only order that would trade, and a reduce-only one that has nothing to reduce, and expire it at
    /// once, instead of refusing it.
    pub expires_unwanted: bool,
    /// Leverage until an account chooses another.
    pub default_leverage: u32,
    /// Decimals to which commissions in an asset are rounded; in others they are cut off to eight.
    pub fee_scales: BTreeMap<String, u32>,
}

impl Engine {
    /// An engine with these instruments, empty books and no money.
    #[must_use]
    pub fn new(instruments: Vec<Instrument>, fees: Fees) -> Self {
        let listings = instruments
            .into_iter()
            .enumerate()
            .map(|(index, instrument)| {
                // Venues number orders and trades per instrument, so the same number recurs across instruments.
                let first = 1_000_000 + index as u64;
                let listing = Listing {
                    instrument,
                    book: Book::default(),
                    history: History::default(),
                    mark: None,
                    next_number: first,
                    next_trade: first,
                };
                (listing.instrument.symbol.clone(), listing)
            })
            .collect();
        Self {
            listings,
            ledger: Ledger::default(),
            fees,
            orders: BTreeMap::new(),
            revisions: BTreeMap::new(),
            open: BTreeMap::new(),
            by_instrument: BTreeMap::new(),
            open_client_ids: HashMap::new(),
            accepted_client_ids: BTreeMap::new(),
            fills: Vec::new(),
            amendments: Vec::new(),
            positions: BTreeMap::new(),
            leverage: BTreeMap::new(),
            conditionals: BTreeMap::new(),
            next_order: 1,
            unique_open_client_ids: true,
            refuses_unfillable: false,
            expires_unwanted: false,
            default_leverage: DEFAULT_LEVERAGE,
            fee_scales: BTreeMap::new(),
        }
    }

    /// One instrument with its book and history.
    #[must_use]
    pub fn listing(&self, symbol: &str) -> Option<&Listing> {
        self.listings.get(symbol)
    }

    /// Every instrument, by symbol.
    pub fn listings(&self) -> impl Iterator<Item = &Listing> {
        self.listings.values()
    }

    /// Opens or halts an instrument; `false` if there is none.
    pub fn set_trading(&mut self, symbol: &str, trading: bool) -> bool {
        self.listings
            .get_mut(symbol)
            .map(|listing| listing.instrument.trading = trading)
            .is_some()
    }

    /// Accepts an order, matches it, and rests, fills or expires it.
    ///
    /// # Errors
    /// A [`Reject`] when the order is refused; nothing has changed then.
    pub fn place(&mut self, now: Stamp, new: NewOrder) -> Result<Placed, Reject> {
        let (new, unwanted, plan) = match self.admit(new.clone()) {
            Err(Reject::WouldTake | Reject::NothingToReduce) if self.takes_unwanted(&new) => {
                (new, true, Plan::default())
            }
            admitted => {
                let (new, plan) = admitted?;
                (new, false, plan)
            }
        };
        let needed = match unwanted {
            true => Decimal::ZERO,
            false => self.reservation(&new, &plan)?,
        };
        let listing = self
            .listings
            .get_mut(&new.symbol)
            .ok_or_else(|| Reject::UnknownInstrument(new.symbol.clone()))?;
        let market = new.kind == OrderKind::Market;
        let unfilled = new.time_in_force == TimeInForce::Fok
            && matches!(new.size, Size::Base(quantity) if plan.filled < quantity);
        if unfilled && self.refuses_unfillable {
            return Err(Reject::WouldNotFill);
        }
        let killed = unfilled || unwanted;
        let (quantity, quote_quantity) = match new.size {
            Size::Base(quantity) => (quantity, None),
            Size::Quote(amount) => (plan.filled, Some(amount)),
        };
        let id = OrderId(self.next_order);
        self.next_order += 1;
        let number = listing.next_number;
        listing.next_number += 1;
        self.reserve(new.account, &new.symbol, new.side, needed);
        self.orders.insert(
            id,
            Order {
                id,
                number,
                account: new.account,
                symbol: new.symbol.clone(),
                side: new.side,
                kind: new.kind,
                time_in_force: new.time_in_force,
                client_id: new.client_id.clone(),
                self_trade: new.self_trade,
                reduce_only: new.reduce_only,
                good_till_us: new.good_till_us,
                quantity,
                quote_quantity,
                executed: Decimal::ZERO,
                executed_quote: Decimal::ZERO,
                prevented: Decimal::ZERO,
                locked: needed,
                state: OrderState::New,
                amends: 0,
                created: now,
                updated: now,
            },
        );
        if new.account != HOUSE {
            self.open.entry(new.account).or_default().insert(id);
            let key = (new.account, new.symbol.clone());
            self.by_instrument.entry(key).or_default().push(id);
            // Where ids are optional, an empty one is none.
            if !new.client_id.is_empty() {
                self.open_client_ids
                    .insert((new.account, new.symbol.clone(), new.client_id.clone()), id);
            }
            *self
                .accepted_client_ids
                .entry((new.account, new.client_id.clone()))
                .or_default() += 1;
        }
        let (account, symbol) = (new.account, new.symbol);
        let mut fills = Vec::new();
        if !killed {
            for step in plan.steps {
                self.apply(now, id, &step, &mut fills);
            }
        }
        self.rest_or_finish(
            now,
            id,
            plan.taker_expires && !killed,
            unwanted || market || new.time_in_force != TimeInForce::Gtc,
        );
        self.shrink_reduce_only(now, account, &symbol);
        let order = self.finish_placing(id).ok_or(Reject::UnknownOrder)?;
        Ok(Placed { order, fills })
    }

    /// Whether [`Engine::place`] would accept the order now.
    ///
    /// # Errors
    /// The [`Reject`] that placing it would give.
    pub fn would_accept(&self, new: &NewOrder) -> Result<(), Reject> {
        let (new, plan) = self.admit(new.clone())?;
        self.reservation(&new, &plan).map(|_| ())
    }

    fn admit(&self, new: NewOrder) -> Result<(NewOrder, Plan), Reject> {
        let new = self.within_position(new)?;
        let plan = self.check(&new)?;
        Ok((new, plan))
    }

    /// Whether an order that is well formed but unwanted is taken and expired, rather than refused.
    fn takes_unwanted(&self, new: &NewOrder) -> bool {
        let takes = self.expires_unwanted && new.account != HOUSE;
        takes && !matches!(self.check(new), Err(reject) if reject != Reject::WouldTake)
    }

    /// Cancels an open order.
    ///
    /// # Errors
    /// [`Reject::UnknownOrder`] if it does not exist or is no longer open.
    pub fn cancel(&mut self, now: Stamp, id: OrderId) -> Result<Order, Reject> {
        let order = self
            .orders
            .get(&id)
            .filter(|order| order.state.is_open())
            .ok_or(Reject::UnknownOrder)?
            .clone();
        if let Some(price) = order.kind.limit()
            && let Some(listing) = self.listings.get_mut(&order.symbol)
        {
            listing.book.remove(order.side, price, id);
        }
        self.retire(now, id, OrderState::Canceled)
            .ok_or(Reject::UnknownOrder)
    }

    /// Puts a trade between others into the history; it moves no money.
    pub fn print_trade(
        &mut self,
        symbol: &str,
        at: Stamp,
        price: Decimal,
        quantity: Decimal,
        side: Side,
    ) {
        if let Some(listing) = self.listings.get_mut(symbol) {
            let id = listing.next_trade;
            listing.next_trade += 1;
            let buyer_is_maker = side == Side::Sell;
            let value = listing.instrument.value(price, quantity);
            listing.history.push(Trade {
                id,
                price,
                quantity,
                value: value.unwrap_or_default(),
                buyer_is_maker,
                taker: OrderId(0),
                at,
            });
        }
    }

    fn check(&self, new: &NewOrder) -> Result<Plan, Reject> {
        let listing = self
            .listings
            .get(&new.symbol)
            .ok_or_else(|| Reject::UnknownInstrument(new.symbol.clone()))?;
        if !listing.instrument.trading {
            return Err(Reject::MarketClosed);
        }
        let (Size::Base(amount) | Size::Quote(amount)) = new.size;
        let sized_in_quote = matches!(new.size, Size::Quote(_));
        let price = new.kind.limit();
        if amount <= Decimal::ZERO
            || price.is_some_and(|price| price <= Decimal::ZERO)
            || (sized_in_quote && price.is_some())
        {
            return Err(Reject::InvalidSize);
        }
        let key = (new.account, new.symbol.clone(), new.client_id.clone());
        if self.unique_open_client_ids && self.open_client_ids.contains_key(&key) {
            return Err(Reject::DuplicateClientId);
        }
        self.matched(new)
    }

    /// What an order would meet in the book.
    fn matched(&self, new: &NewOrder) -> Result<Plan, Reject> {
        let listing = self
            .listing(&new.symbol)
            .ok_or_else(|| Reject::UnknownInstrument(new.symbol.clone()))?;
        if !listing.instrument.trading {
            return Err(Reject::MarketClosed);
        }
        let taker = Taker {
            account: new.account,
            side: new.side,
            kind: new.kind,
            size: new.size,
            lot: listing.instrument.lot,
            self_trade: new.self_trade,
        };
        let held = |account| self.position(account, &new.symbol).quantity;
        let plan = plan(&listing.book, &taker, &held).ok_or(Reject::InvalidSize)?;
        let post_only = matches!(
            new.kind,
            OrderKind::Limit {
                post_only: true,
                ..
            }
        );
        if post_only && (!plan.steps.is_empty() || plan.taker_expires) {
            return Err(Reject::WouldTake);
        }
        Ok(plan)
    }

    /// A reduce-only order, cut down to the position that it may reduce.
    fn within_position(&self, new: NewOrder) -> Result<NewOrder, Reject> {
        let Size::Base(quantity) = new.size else {
            return Ok(new);
        };
        if !new.reduce_only {
            return Ok(new);
        }
        let room = self.reducible(new.account, &new.symbol, new.side);
        if room.is_zero() {
            return Err(Reject::NothingToReduce);
        }
        let size = Size::Base(quantity.min(room));
        Ok(NewOrder { size, ..new })
    }
}
