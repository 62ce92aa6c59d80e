//! A seeded market: liquidity on both sides of every book, prices that move, and orders that take.

mod contracts;
mod listings;

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_decimal::Decimal;

pub use contracts::{coinm_balances, coinm_instruments, usdm_balances, usdm_instruments};
pub use listings::{default_balances, default_instruments};

use crate::clock::Stamp;
use crate::engine::{
    Engine, HOUSE, Instrument, NewOrder, OrderKind, Payoff, Phase, SelfTradePrevention, Side, Size,
    TimeInForce,
};

/// Levels quoted on each side.
const LEVELS: u32 = 25;
/// Distance between levels, and half the spread, as a fraction of the price.
const LEVEL_GAP: Decimal = Decimal::from_parts(1, 0, 0, false, 4);
/// Decimals of mark prices.
const MARK_SCALE: u32 = 8;
/// What the house owns of every asset; large enough never to run out, small enough to stay exact.
const HOUSE_FUNDS: Decimal = Decimal::from_parts(3_567_587_328, 232, 0, false, 0);
/// Past trades per instrument at the start, and the time between them.
const BACKFILL: (i64, i64) = (288, 5 * 60 * 1_000_000);

/// The house: quotes every instrument and sends taking orders, all from one seed.
#[derive(Debug)]
pub struct Market {
    rng: ChaCha8Rng,
    mids: BTreeMap<String, Decimal>,
}

impl Market {
    /// Funds the house, writes a day of past trades and quotes every book.
    #[must_use]
    pub fn open(engine: &mut Engine, seed: u64, now: Stamp) -> Self {
        let instruments: Vec<Instrument> =
            engine.listings().map(|l| l.instrument.clone()).collect();
        let mut assets: Vec<&String> = instruments
            .iter()
            .filter(|i| i.contract.is_none())
            .flat_map(|i| [&i.base, &i.quote])
            .collect();
        assets.sort();
        assets.dedup();
        for asset in assets {
            engine.ledger.deposit(HOUSE, asset, HOUSE_FUNDS);
        }
        let mids = instruments
            .iter()
            .map(|i| (i.symbol.clone(), i.initial_price))
            .collect();
        let mut market = Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            mids,
        };
        for instrument in &instruments {
            engine.set_mark(&instrument.symbol, mark(instrument.initial_price));
            if instrument
                .contract
                .as_ref()
                .is_some_and(|c| c.phase == Phase::Pending)
            {
                continue;
            }
            market.backfill(engine, instrument, now);
            market.quote(engine, now, instrument);
        }
        market
    }

    /// Where the market sees an instrument.
    #[must_use]
    pub fn mid(&self, symbol: &str) -> Option<Decimal> {
        self.mids.get(symbol).copied()
    }

    /// One step: every asset moves a little, every book is quoted anew, some orders take.
    pub fn step(&mut self, engine: &mut Engine, now: Stamp) {
        let instruments: Vec<Instrument> =
            engine.listings().map(|l| l.instrument.clone()).collect();
        let mut moves: BTreeMap<String, Decimal> = BTreeMap::new();
        for instrument in &instruments {
            for asset in [&instrument.base, &instrument.quote] {
                if !moves.contains_key(asset) {
                    let moved = if is_dollar(asset) {
                        0
                    } else {
                        self.rng.random_range(-50_i64..=50)
                    };
                    moves.insert(asset.clone(), Decimal::new(moved, 5));
                }
            }
        }
        for instrument in instruments.iter().filter(|instrument| instrument.trading) {
            let moved = |asset: &String| moves.get(asset).copied().unwrap_or_default();
            let drift = Decimal::ONE + moved(&instrument.base) - moved(&instrument.quote);
            let mid = self
                .mid(&instrument.symbol)
                .unwrap_or(instrument.initial_price);
            self.move_to(engine, now, instrument, mid * drift);
            if self.rng.random_bool(0.6) {
                self.take(engine, now, instrument);
            }
        }
    }

    /// Moves one instrument to a price at once, trading through whatever rests in between.
    /// `false` if there is no such instrument.
    pub fn set_mid(&mut self, engine: &mut Engine, now: Stamp, symbol: &str, mid: Decimal) -> bool {
        let Some(instrument) = engine
            .listing(symbol)
            .map(|listing| listing.instrument.clone())
        else {
            return false;
        };
        self.move_to(engine, now, &instrument, mid);
        // The tape follows the quotes, or filters and tickers would still go by the old price.
        let shown = ((mid / instrument.tick).round() * instrument.tick).max(instrument.tick);
        engine.print_trade(symbol, now, shown, instrument.lot, Side::Buy);
        true
    }

    fn move_to(&mut self, engine: &mut Engine, now: Stamp, instrument: &Instrument, mid: Decimal) {
        let mid = mid
            .round_sf(12)
            .unwrap_or(mid)
            .clamp(instrument.tick * Decimal::TEN, instrument.max_price);
        self.mids.insert(instrument.symbol.clone(), mid);
        engine.set_mark(&instrument.symbol, mark(mid));
        for id in engine.house_orders(&instrument.symbol) {
            // The order was listed as open a moment ago, and nothing runs in between.
            let _ = engine.cancel(now, id);
        }
        for side in [Side::Buy, Side::Sell] {
            self.sweep(engine, now, instrument, side, mid);
        }
        self.quote(engine, now, instrument);
    }

    /// Trades against everything that is better than the new mid.
    fn sweep(
        &mut self,
        engine: &mut Engine,
        now: Stamp,
        instrument: &Instrument,
        side: Side,
        mid: Decimal,
    ) {
        let Some(listing) = engine.listing(&instrument.symbol) else {
            return;
        };
        let crossed = |price: Decimal| match side {
            Side::Buy => price < mid,
            Side::Sell => price > mid,
        };
        let quantity: Decimal = listing
            .book
            .queue(side.opposite())
            .take_while(|(price, _)| crossed(*price))
            .map(|(_, resting)| resting.remaining)
            .sum();
        if quantity > Decimal::ZERO {
            self.send(engine, now, instrument, side, OrderKind::Market, quantity);
        }
    }

    fn quote(&mut self, engine: &mut Engine, now: Stamp, instrument: &Instrument) {
        let Some(mid) = self.mid(&instrument.symbol) else {
            return;
        };
        let tick = instrument.tick;
        let gap = (mid * LEVEL_GAP).max(tick);
        for level in 1..=LEVELS {
            let distance = gap * Decimal::from(level);
            let bid = (mid - distance) / tick;
            let ask = (mid + distance) / tick;
            for (side, price) in [
                (Side::Buy, bid.floor() * tick),
                (Side::Sell, ask.ceil() * tick),
            ] {
                if price > Decimal::ZERO && price <= instrument.max_price {
                    let quantity = self.random_quantity(instrument, mid, 2_000, 60_000);
                    self.send(
                        engine,
                        now,
                        instrument,
                        side,
                        OrderKind::Limit {
                            price,
                            post_only: true,
                        },
                        quantity,
                    );
                }
            }
        }
    }

    fn take(&mut self, engine: &mut Engine, now: Stamp, instrument: &Instrument) {
        let side = if self.rng.random_bool(0.5) {
            Side::Buy
        } else {
            Side::Sell
        };
        let mid = self
            .mid(&instrument.symbol)
            .unwrap_or(instrument.initial_price);
        let quantity = self.random_quantity(instrument, mid, 100, 30_000);
        self.send(engine, now, instrument, side, OrderKind::Market, quantity);
    }

    /// A quantity worth about so many dollars.
    fn random_quantity(
        &mut self,
        instrument: &Instrument,
        mid: Decimal,
        low: u32,
        high: u32,
    ) -> Decimal {
        let dollars = Decimal::from(self.rng.random_range(low..=high));
        let worth = dollars / listings::dollars_per(&instrument.quote);
        let per_unit = match instrument.contract.as_ref().map(|contract| contract.payoff) {
            Some(Payoff::Inverse { contract_size, .. }) => contract_size,
            Some(Payoff::Multiplied { multiplier, .. }) => {
                let margin = instrument
                    .contract
                    .as_ref()
                    .map(|c| c.margin_asset.as_str());
                mid * multiplier * listings::dollars_per(margin.unwrap_or_default())
            }
            _ => mid,
        };
        let lots = (worth / per_unit / instrument.lot)
            .floor()
            .max(Decimal::ONE);
        lots * instrument.lot
    }

    fn send(
        &mut self,
        engine: &mut Engine,
        now: Stamp,
        instrument: &Instrument,
        side: Side,
        kind: OrderKind,
        quantity: Decimal,
    ) {
        let order = NewOrder {
            account: HOUSE,
            symbol: instrument.symbol.clone(),
            side,
            kind,
            size: Size::Base(quantity),
            time_in_force: TimeInForce::Gtc,
            client_id: String::new(),
            self_trade: SelfTradePrevention::None,
            reduce_only: false,
            good_till_us: None,
        };
        // A quote that would take, or a halted instrument, is simply not quoted this time.
        let _ = engine.place(now, order);
    }

    fn backfill(&mut self, engine: &mut Engine, instrument: &Instrument, now: Stamp) {
        let (count, apart_us) = BACKFILL;
        let mut price = instrument.initial_price;
        let mut trades = Vec::new();
        // Walked backwards, so that the last past trade is at the price where the market opens.
        for back in 1..=count {
            let side = if self.rng.random_bool(0.5) {
                Side::Buy
            } else {
                Side::Sell
            };
            let quantity = self.random_quantity(instrument, price, 100, 30_000);
            let shown = ((price / instrument.tick).round() * instrument.tick).max(instrument.tick);
            trades.push((now.wall_us - back * apart_us, shown, quantity, side));
            let drift = Decimal::ONE + Decimal::new(self.rng.random_range(-20_i64..=20), 4);
            price = (price * drift).round_sf(12).unwrap_or(price);
        }
        for (wall_us, price, quantity, side) in trades.into_iter().rev() {
            let at = Stamp {
                wall_us,
                elapsed_us: 0,
            };
            engine.print_trade(&instrument.symbol, at, price, quantity, side);
        }
    }
}

/// The mark price: where the market sees the instrument, to as many decimals as are shown.
fn mark(mid: Decimal) -> Decimal {
    mid.round_dp(MARK_SCALE)
}

fn is_dollar(asset: &str) -> bool {
    matches!(asset, "USDT" | "USDC" | "USD")
}
