//! Questions about orders and fills, answered as of a moment that may lie in the past.

use std::collections::BTreeMap;

use super::{AccountId, Engine, Fill, Order, OrderId, OrderState};

/// How a lookup sees the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// What happened after this moment (in [`crate::clock::Stamp::elapsed_us`]) is not seen.
    pub as_of_us: i64,
    /// Orders that ended without a fill before this moment are not seen.
    pub forgotten_before_us: Option<i64>,
    /// Orders that have ended without a fill and were created before this moment are not seen.
    pub unfilled_since_us: Option<i64>,
    /// Orders that were created before this moment are not seen.
    pub since_us: Option<i64>,
}

impl View {
    /// Sees everything.
    pub const NOW: Self = Self {
        as_of_us: i64::MAX,
        forgotten_before_us: None,
        unfilled_since_us: None,
        since_us: None,
    };

    fn shows(&self, order: &Order) -> bool {
        let unfilled_end = matches!(order.state, OrderState::Canceled | OrderState::Expired)
            && order.executed.is_zero();
        let (created, ended) = (order.created.elapsed_us, order.updated.elapsed_us);
        let older = |moment: i64, since: Option<i64>| since.is_some_and(|since| moment < since);
        let forgotten = unfilled_end
            && (older(ended, self.forgotten_before_us) || older(created, self.unfilled_since_us));
        !forgotten && !older(created, self.since_us)
    }
}

impl Engine {
    /// One order as the view sees it.
    #[must_use]
    pub fn order(&self, view: View, id: OrderId) -> Option<&Order> {
        let revisions = self.revisions.get(&id)?;
        let seen =
            revisions.partition_point(|revision| revision.updated.elapsed_us <= view.as_of_us);
        revisions
            .get(seen.checked_sub(1)?)
            .filter(|order| view.shows(order))
    }

    /// An account's orders on an instrument as the view sees them, oldest first.
    pub fn orders(
        &self,
        view: View,
        account: AccountId,
        symbol: &str,
    ) -> impl DoubleEndedIterator<Item = &Order> {
        let ids = self.by_instrument.get(&(account, symbol.to_owned()));
        ids.into_iter()
            .flatten()
            .filter_map(move |id| self.order(view, *id))
    }

    /// An account's open orders as the view sees them, oldest first.
    #[must_use]
    pub fn open_orders(&self, view: View, account: AccountId, symbol: Option<&str>) -> Vec<&Order> {
        let wanted = |order: &&Order| {
            order.state.is_open() && symbol.is_none_or(|symbol| order.symbol == symbol)
        };
        if view.as_of_us == i64::MAX {
            let open = self.open.get(&account).into_iter().flatten();
            return open
                .filter_map(|id| self.orders.get(id))
                .filter(wanted)
                .collect();
        }
        // An order that has ended since was open at the time of the view, so all have to be looked at.
        let seen = self.revisions.keys().filter_map(|id| self.order(view, *id));
        seen.filter(|order| order.account == account)
            .filter(wanted)
            .collect()
    }

    /// An account's fills as the view sees them, oldest first.
    pub fn fills(&self, view: View, account: AccountId) -> impl DoubleEndedIterator<Item = &Fill> {
        self.fills
            .iter()
            .filter(move |fill| fill.account == account && fill.at.elapsed_us <= view.as_of_us)
    }

    /// Every order ever accepted from anyone but the house, oldest first, as it is now.
    pub fn accepted(&self) -> impl Iterator<Item = &Order> {
        self.revisions
            .values()
            .filter_map(|revisions| revisions.last())
    }

    /// How many times each client id was accepted, by account.
    #[must_use]
    pub fn accepted_client_ids(&self) -> &BTreeMap<(AccountId, String), u64> {
        &self.accepted_client_ids
    }

    /// The house's open orders on an instrument.
    #[must_use]
    pub fn house_orders(&self, symbol: &str) -> Vec<OrderId> {
        let Some(listing) = self.listing(symbol) else {
            return Vec::new();
        };
        [super::Side::Buy, super::Side::Sell]
            .into_iter()
            .flat_map(|side| listing.book.queue(side))
            .filter(|(_, resting)| resting.account == super::HOUSE)
            .map(|(_, resting)| resting.order)
            .collect()
    }
}
