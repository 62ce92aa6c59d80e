//! Tickers, books, candles, balances and positions.

use switchyard_runtime::wit::account as wit_account;
use switchyard_runtime::wit::market as wit_market;

use super::{
    Translated, as_asked, decimal, named, nonsense, not_negative, optional_decimal, timestamp,
};
use crate::account::{Balance, Position};
use crate::market::{BookLevel, Candle, OrderBook, Ticker};
use crate::model::Decimal;

/// A ticker of a venue.
///
/// # Errors
/// [`Nonsense`] where a price is not a decimal, or the ticker is another instrument's.
pub fn ticker(venue: &str, symbol: &str, from: wit_market::Ticker) -> Translated<Ticker> {
    Ok(Ticker {
        venue: venue.to_owned(),
        symbol: as_asked("symbol", symbol, from.symbol)?,
        bid: optional_decimal("bid", &from.bid)?,
        bid_quantity: optional_decimal("bid-quantity", &from.bid_quantity)?,
        ask: optional_decimal("ask", &from.ask)?,
        ask_quantity: optional_decimal("ask-quantity", &from.ask_quantity)?,
        last: optional_decimal("last", &from.last)?,
        open: optional_decimal("open", &from.open)?,
        high: optional_decimal("high", &from.high)?,
        low: optional_decimal("low", &from.low)?,
        volume: optional_decimal("volume", &from.volume)?,
        quote_volume: optional_decimal("quote-volume", &from.quote_volume)?,
        at: from.at.map(timestamp),
    })
}

/// A book of a venue.
///
/// # Errors
/// [`Nonsense`] where a level is not decimal, a side is not in order, the best bid is above the best ask, or
/// the book is another instrument's.
pub fn order_book(venue: &str, symbol: &str, from: wit_market::OrderBook) -> Translated<OrderBook> {
    let levels = |field: &'static str,
                  levels: Vec<wit_market::Level>,
                  better: fn(Decimal, Decimal) -> bool| {
        let levels: Vec<BookLevel> = levels
            .iter()
            .map(|level| {
                Ok(BookLevel {
                    price: decimal(field, &level.price)?,
                    quantity: not_negative(field, &level.quantity)?,
                })
            })
            .collect::<Translated<_>>()?;
        match levels
            .windows(2)
            .find(|pair| !better(pair[0].price, pair[1].price))
        {
            Some(pair) => Err(nonsense(
                field,
                &pair[1].price.to_string(),
                "is not worse than the level before it",
            )),
            None => Ok(levels),
        }
    };
    let bids = levels("bids", from.bids, |a, b| a > b)?;
    let asks = levels("asks", from.asks, |a, b| a < b)?;
    if let (Some(bid), Some(ask)) = (bids.first(), asks.first())
        && bid.price > ask.price
    {
        let problem = format!("is above the best ask, {}", ask.price);
        return Err(nonsense("bids", &bid.price.to_string(), problem));
    }
    Ok(OrderBook {
        venue: venue.to_owned(),
        symbol: as_asked("symbol", symbol, from.symbol)?,
        bids,
        asks,
        sequence: from.sequence,
        at: from.at.map(timestamp),
    })
}

/// Balances of a venue's endpoint.
///
/// # Errors
/// [`Nonsense`] where an amount is not a decimal.
pub fn balances(
    venue: &str,
    endpoint: &str,
    from: Vec<wit_account::Balance>,
) -> Translated<Vec<Balance>> {
    from.into_iter()
        .map(|balance| {
            Ok(Balance {
                venue: venue.to_owned(),
                endpoint: endpoint.to_owned(),
                asset: named("asset", balance.asset)?,
                free: decimal("free", &balance.free)?,
                locked: decimal("locked", &balance.locked)?,
                total: decimal("total", &balance.total)?,
            })
        })
        .collect()
}

/// Candles of a venue.
///
/// # Errors
/// [`Nonsense`] where a price or volume is not a decimal, or they are not in the order of their opening.
pub fn candles(from: Vec<wit_market::Candle>) -> Translated<Vec<Candle>> {
    let candles: Vec<Candle> = from
        .into_iter()
        .map(|candle| {
            Ok(Candle {
                opened_at: timestamp(candle.opened_at),
                open: decimal("open", &candle.open)?,
                high: decimal("high", &candle.high)?,
                low: decimal("low", &candle.low)?,
                close: decimal("close", &candle.close)?,
                volume: not_negative("volume", &candle.volume)?,
                quote_volume: optional_decimal("quote-volume", &candle.quote_volume)?,
                trades: candle.trades,
                closed: candle.closed,
            })
        })
        .collect::<Translated<_>>()?;
    match candles
        .windows(2)
        .find(|pair| pair[0].opened_at >= pair[1].opened_at)
    {
        Some(pair) => Err(nonsense(
            "opened-at",
            &pair[1].opened_at.to_string(),
            "is not after the candle before it",
        )),
        None => Ok(candles),
    }
}

/// Positions of a venue's endpoint.
///
/// # Errors
/// [`Nonsense`] where an amount is not a decimal.
pub fn positions(
    venue: &str,
    endpoint: &str,
    from: Vec<wit_account::Position>,
) -> Translated<Vec<Position>> {
    from.into_iter()
        .map(|position| {
            Ok(Position {
                venue: venue.to_owned(),
                endpoint: endpoint.to_owned(),
                symbol: named("symbol", position.symbol)?,
                quantity: decimal("quantity", &position.quantity)?,
                entry_price: optional_decimal("entry-price", &position.entry_price)?,
                mark_price: optional_decimal("mark-price", &position.mark_price)?,
                liquidation_price: optional_decimal(
                    "liquidation-price",
                    &position.liquidation_price,
                )?,
                unrealized_pnl: optional_decimal("unrealized-pnl", &position.unrealized_pnl)?,
                realized_pnl: optional_decimal("realized-pnl", &position.realized_pnl)?,
                margin: optional_decimal("margin", &position.margin)?,
                leverage: optional_decimal("leverage", &position.leverage)?,
                settle: named("settle", position.settle)?,
                updated_at: position.updated_at.map(timestamp),
            })
        })
        .collect()
}
