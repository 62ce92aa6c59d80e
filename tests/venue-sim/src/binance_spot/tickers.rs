//! Tickers: last prices, best prices, and the last 24 hours.

use rust_decimal::Decimal;
use serde::Serialize;

use super::{BinanceSpot, Call, Reply};
use crate::binance::ApiError;
use crate::binance::format::amount;
use crate::engine::{Candle, Listing, MINUTE_US, Side};

const DAY_MINUTES: i64 = 24 * 60;

#[derive(Debug, Serialize)]
struct PriceTicker {
    symbol: String,
    price: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BookTicker {
    symbol: String,
    bid_price: String,
    bid_qty: String,
    ask_price: String,
    ask_qty: String,
}

/// What `MINI` leaves out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DayTickerDetail {
    price_change: String,
    price_change_percent: String,
    weighted_avg_price: String,
    prev_close_price: String,
    last_qty: String,
    bid_price: String,
    bid_qty: String,
    ask_price: String,
    ask_qty: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DayTicker {
    symbol: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    detail: Option<DayTickerDetail>,
    open_price: String,
    high_price: String,
    low_price: String,
    last_price: String,
    volume: String,
    quote_volume: String,
    open_time: i64,
    close_time: i64,
    first_id: i64,
    last_id: i64,
    count: u64,
}

impl BinanceSpot {
    pub(super) fn price_ticker(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        self.per_symbol(call, |listing| PriceTicker {
            symbol: listing.instrument.symbol.clone(),
            price: amount(listing.history.last_price().unwrap_or_default()),
        })
    }

    pub(super) fn book_ticker(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        self.per_symbol(call, |listing| {
            let [bid_price, bid_qty, ask_price, ask_qty] = best(listing);
            BookTicker {
                symbol: listing.instrument.symbol.clone(),
                bid_price,
                bid_qty,
                ask_price,
                ask_qty,
            }
        })
    }

    pub(super) fn day_ticker(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let full = match call.params.text("type")? {
            None | Some("FULL") => true,
            Some("MINI") => false,
            Some(_) => return Err(ApiError::new(-1139, "Invalid ticker type.")),
        };
        self.per_symbol(call, |listing| day_ticker(call, listing, full))
    }

    /// One object for `symbol`, a list for `symbols` or for neither.
    fn per_symbol<T: Serialize>(
        &self,
        call: &Call<'_>,
        show: impl Fn(&Listing) -> T,
    ) -> Result<Reply, ApiError> {
        let symbol = call.params.optional_symbol()?;
        let symbols = call.params.symbols()?;
        let status = call.params.text("symbolStatus")?;
        call.params.finish()?;
        if symbol.is_some() && symbols.is_some() {
            return Err(ApiError::bad_combination());
        }
        let wanted = |listing: &Listing| match status {
            None => true,
            Some(status) => (status == "TRADING") == listing.instrument.trading,
        };
        self.exchange.with(|engine| {
            let find = |symbol: &str| engine.listing(symbol).ok_or_else(ApiError::invalid_symbol);
            match (symbol, symbols) {
                (Some(symbol), _) => Reply::ok(&show(find(symbol)?)),
                (None, Some(symbols)) => {
                    let shown = symbols.iter().map(|symbol| find(symbol).map(&show));
                    Reply::ok(&shown.collect::<Result<Vec<_>, _>>()?)
                }
                (None, None) => Reply::ok(
                    &engine
                        .listings()
                        .filter(|listing| wanted(listing))
                        .map(show)
                        .collect::<Vec<_>>(),
                ),
            }
        })
    }
}

/// Best bid and ask, each with its quantity; zeros where a side is empty.
fn best(listing: &Listing) -> [String; 4] {
    let (bid, bid_quantity) = listing.book.best(Side::Buy).unwrap_or_default();
    let (ask, ask_quantity) = listing.book.best(Side::Sell).unwrap_or_default();
    [bid, bid_quantity, ask, ask_quantity].map(amount)
}

fn day_ticker(call: &Call<'_>, listing: &Listing, full: bool) -> DayTicker {
    let until = call.now.wall_us.div_euclid(MINUTE_US) + 1;
    let since = until - DAY_MINUTES;
    let day = listing
        .history
        .candle(since, until)
        .unwrap_or_else(|| Candle::flat(Decimal::ZERO));
    let id = |trade: Option<u64>| trade.and_then(|id| i64::try_from(id).ok()).unwrap_or(-1);
    DayTicker {
        symbol: listing.instrument.symbol.clone(),
        detail: full.then(|| detail(listing, &day, since)),
        open_price: amount(day.open),
        high_price: amount(day.high),
        low_price: amount(day.low),
        last_price: amount(day.close),
        volume: amount(day.volume),
        quote_volume: amount(day.quote_volume),
        open_time: call.unit.of_us(call.now.wall_us - DAY_MINUTES * MINUTE_US),
        close_time: call.unit.of_us(call.now.wall_us),
        first_id: id(day.first_trade),
        last_id: id(day.last_trade),
        count: day.trades,
    }
}

fn detail(listing: &Listing, day: &Candle, since: i64) -> DayTickerDetail {
    let change = day.close - day.open;
    let percent = (change * Decimal::ONE_HUNDRED)
        .checked_div(day.open)
        .unwrap_or_default()
        .round_dp(3);
    let before = listing
        .history
        .candle(since - 1, since)
        .map_or(day.open, |minute| minute.close);
    let [bid_price, bid_qty, ask_price, ask_qty] = best(listing);
    let mut percent = percent;
    percent.rescale(3);
    DayTickerDetail {
        price_change: amount(change),
        price_change_percent: percent.to_string(),
        weighted_avg_price: amount(
            day.quote_volume
                .checked_div(day.volume)
                .unwrap_or(day.close),
        ),
        prev_close_price: amount(before),
        last_qty: amount(
            listing
                .history
                .trades()
                .back()
                .map(|trade| trade.quantity)
                .unwrap_or_default(),
        ),
        bid_price,
        bid_qty,
        ask_price,
        ask_qty,
    }
}
