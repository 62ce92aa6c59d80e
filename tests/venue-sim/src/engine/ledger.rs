//! Balances: what each account has free and locked, and the fees the venue has taken.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::types::AccountId;

/// One asset of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// Can be used.
    pub free: Decimal,
    /// Reserved for open orders.
    pub locked: Decimal,
}

/// Every balance at the venue.
#[derive(Debug, Default)]
pub struct Ledger {
    accounts: BTreeMap<AccountId, BTreeMap<String, Balance>>,
    fees: BTreeMap<String, Decimal>,
    deposits: BTreeMap<(AccountId, String), Decimal>,
}

impl Ledger {
    /// Brings money in from outside.
    pub fn deposit(&mut self, account: AccountId, asset: &str, amount: Decimal) {
        self.entry(account, asset).free += amount;
        *self
            .deposits
            .entry((account, asset.to_owned()))
            .or_default() += amount;
    }

    /// What an account has brought in of an asset.
    #[must_use]
    pub fn deposited(&self, account: AccountId, asset: &str) -> Decimal {
        let key = (account, asset.to_owned());
        self.deposits.get(&key).copied().unwrap_or_default()
    }

    /// One balance.
    #[must_use]
    pub fn balance(&self, account: AccountId, asset: &str) -> Balance {
        self.accounts
            .get(&account)
            .and_then(|assets| assets.get(asset))
            .copied()
            .unwrap_or_default()
    }

    /// All balances of an account, by asset.
    pub fn balances(&self, account: AccountId) -> impl Iterator<Item = (&str, Balance)> {
        self.accounts
            .get(&account)
            .into_iter()
            .flatten()
            .map(|(asset, balance)| (asset.as_str(), *balance))
    }

    /// All that exists of an asset: every balance and the fees taken. Trading never changes it.
    #[must_use]
    pub fn total(&self, asset: &str) -> Decimal {
        let held: Decimal = self
            .accounts
            .values()
            .filter_map(|assets| assets.get(asset))
            .map(|b| b.free + b.locked)
            .sum();
        held + self.fees_taken(asset)
    }

    /// Fees taken in an asset.
    #[must_use]
    pub fn fees_taken(&self, asset: &str) -> Decimal {
        self.fees.get(asset).copied().unwrap_or_default()
    }

    pub(super) fn lock(&mut self, account: AccountId, asset: &str, amount: Decimal) {
        let balance = self.entry(account, asset);
        balance.free -= amount;
        balance.locked += amount;
    }

    pub(super) fn unlock(&mut self, account: AccountId, asset: &str, amount: Decimal) {
        let balance = self.entry(account, asset);
        balance.locked -= amount;
        balance.free += amount;
    }

    pub(super) fn spend_locked(&mut self, account: AccountId, asset: &str, amount: Decimal) {
        self.entry(account, asset).locked -= amount;
    }

    pub(super) fn receive(
        &mut self,
        account: AccountId,
        asset: &str,
        amount: Decimal,
        fee: Decimal,
    ) {
        self.entry(account, asset).free += amount - fee;
        if !fee.is_zero() {
            *self.fees.entry(asset.to_owned()).or_default() += fee;
        }
    }

    fn entry(&mut self, account: AccountId, asset: &str) -> &mut Balance {
        self.accounts
            .entry(account)
            .or_default()
            .entry(asset.to_owned())
            .or_default()
    }
}
