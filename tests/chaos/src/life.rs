//! One order's life: placed, changed, looked at and cancelled by a caller who never knows more than it is told.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::desk::{Asked, Desk, Told};
use crate::venues::{Market, Venues};

/// Most things done to an order after it was placed.
const DEEDS: u32 = 4;

/// What a caller did with one order, and what it was told.
#[derive(Debug)]
pub struct Life {
    /// Its number, which its prices follow from.
    pub number: u32,
    /// Where it trades.
    pub market: &'static Market,
    /// Everything sent and answered.
    pub log: Vec<String>,
    /// Ids that the caller was told for its one key.
    pub ids: BTreeSet<String>,
    /// Whether the caller was told that the venue has the order.
    pub is_acknowledged: bool,
    /// Whether the last word was that there is no order.
    pub is_refused: bool,
    /// The order as it was last told of for certain.
    pub settled: Option<Value>,
    /// A request that never had a final answer.
    pub unanswered: Option<String>,
}

impl Life {
    /// Lives it, as the random numbers say.
    pub(crate) async fn live(
        number: u32,
        market: &'static Market,
        mut random: ChaCha8Rng,
        desk: Desk,
        venues: &Venues,
    ) -> Self {
        let mut life = Self {
            number,
            market,
            log: Vec::new(),
            ids: BTreeSet::new(),
            is_acknowledged: false,
            is_refused: false,
            settled: None,
            unanswered: None,
        };
        if let Err(unanswered) = life.run(&mut random, &desk, venues).await {
            life.unanswered = Some(unanswered);
        }
        life
    }

    async fn run(
        &mut self,
        random: &mut ChaCha8Rng,
        desk: &Desk,
        venues: &Venues,
    ) -> Result<(), String> {
        let [price, other] = self.market.resting(self.number);
        let is_taking = random.random_bool(0.2);
        let placing = Asked {
            method: Method::POST,
            path: "/v1/orders".to_owned(),
            key: format!("{}-place", self.number),
            body: Some(self.market.order(if is_taking {
                self.market.taking(self.number)
            } else {
                price
            })),
            leaves_after: leaves(random),
        };
        let Some(placed) = desk.ask(&placing, &mut self.log).await? else {
            return Ok(());
        };
        self.note_placed(&placed);
        let Some(id) = placed.id().map(str::to_owned) else {
            return Ok(());
        };
        let path = format!("/v1/orders/{id}");
        for deed in 0..random.random_range(0..=DEEDS) {
            match random.random_range(0..20) {
                0..=9 => {
                    let price = [price, other][random.random_range(0..2)];
                    let quantity = self.market.quantities[random.random_range(0..2)];
                    let change = json!({"price": price.to_string(), "quantity": quantity});
                    let key = format!("{}-amend-{deed}", self.number);
                    self.change(Method::PATCH, &path, key, Some(change), random, desk)
                        .await?;
                }
                10 => dip(self.market, venues),
                11..=12 => self.repeat(&placing, desk).await?,
                _ => sleep(Duration::from_millis(random.random_range(0..300))).await,
            }
        }
        if random.random_bool(0.7) {
            let key = format!("{}-cancel", self.number);
            self.change(Method::DELETE, &path, key, None, random, desk)
                .await?;
        }
        self.repeat(&placing, desk).await
    }

    /// Sends the placement once more, as callers do who have forgotten that they did.
    async fn repeat(&mut self, placing: &Asked, desk: &Desk) -> Result<(), String> {
        let again = Asked {
            method: placing.method.clone(),
            path: placing.path.clone(),
            key: placing.key.clone(),
            body: placing.body.clone(),
            leaves_after: None,
        };
        if let Some(told) = desk.ask(&again, &mut self.log).await? {
            self.note_placed(&told);
        }
        Ok(())
    }

    fn note_placed(&mut self, told: &Told) {
        match told.id() {
            Some(id) => {
                self.ids.insert(id.to_owned());
                let never = ["PENDING_NEW", "REJECTED"];
                self.is_acknowledged |= !never.contains(&told.state());
            }
            None => self.is_refused = true,
        }
    }

    async fn change(
        &mut self,
        method: Method,
        path: &str,
        key: String,
        body: Option<Value>,
        random: &mut ChaCha8Rng,
        desk: &Desk,
    ) -> Result<(), String> {
        let asked = Asked {
            method,
            path: path.to_owned(),
            key,
            body,
            leaves_after: leaves(random),
        };
        match desk.ask(&asked, &mut self.log).await? {
            Some(told) if told.is_success() && !told.state().starts_with("PENDING") => {
                self.settled = Some(told.body);
            }
            // Refused for good: what was told before still holds.
            Some(told) if !told.is_success() => {}
            // It goes on, or may: nothing is certain until the next word.
            _ => self.settled = None,
        }
        Ok(())
    }
}

/// Some callers go away before they are answered, and come back.
fn leaves(random: &mut ChaCha8Rng) -> Option<Duration> {
    let leaves = random.random_bool(0.1);
    leaves.then(|| Duration::from_millis(random.random_range(1..60)))
}

/// Lets the market fall below the orders that rest, and come back.
fn dip(market: &Market, venues: &Venues) {
    let control = venues.sim(market.venue).control();
    let symbol = market.venue_name.1;
    if let Some(mid) = control.mid(symbol) {
        for price in [Decimal::from(49_000), mid] {
            // The symbol is listed and the prices are positive.
            let _ = control.set_mid(symbol, price);
        }
    }
}
