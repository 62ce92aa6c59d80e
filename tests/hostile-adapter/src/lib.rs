//! An adapter that looks honest and is not: for tests of the sandbox and of the gateway behind it.
//!
//! Each instrument is named for what happens when its ticker is asked for, its book is read or an order
//! for it is placed. `HONEST/USDT` shows that the rest of the adapter works. The venue it speaks to has a
//! few plain-text calls, so that a test can serve it in a dozen lines:
//!
//! | call | answer |
//! |---|---|
//! | `GET /time` | milliseconds since the epoch |
//! | `GET /instruments` | anything |
//! | `GET /ticker?symbol=X` | a price, then words that the misdeed may need |
//! | `GET /book?symbol=X` | anything |
//! | `POST /order?symbol=X&id=C&side=S&quantity=Q&price=P` | the venue's id of the order |
//! | `GET /order?symbol=X&id=C` | as it was placed: `id side quantity price state` |
//! | `DELETE /order?symbol=X&id=C` | the same |

mod misdeed;
mod snoop;
mod venue;

use switchyard_sdk::market::{GetOrderBook, Listing, OrderBook, Ticker};
use switchyard_sdk::trading::{Cancel, CancelOutcome, GetOrder, Place};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, OrderReport, Timestamp};
use switchyard_sdk::{Context, Descriptor, Market, Step, Trading, descriptor, request};

pub use misdeed::Misdeed;
use venue::{ENDPOINT, instrument, price_of, report, text};

/// The adapter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hostile;

switchyard_sdk::export_adapter!(Hostile: market, trading);

impl Descriptor for Hostile {
    fn describe(&self) -> descriptor::Descriptor {
        venue::describe()
    }
}

impl Market for Hostile {
    fn encode_list_instruments(
        &self,
        _: &Context<'_>,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        Ok(vec![request::get(ENDPOINT, "/instruments")])
    }

    fn decode_list_instruments(
        &self,
        _: &Context<'_>,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Listing>, Error> {
        text(responses, false)?;
        Ok(Step::Done(Listing {
            instruments: Misdeed::ALL.iter().map(|m| instrument(m.base())).collect(),
            limits: Vec::new(),
        }))
    }

    fn encode_get_time(
        &self,
        _: &Context<'_>,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        Ok(vec![request::get(ENDPOINT, "/time")])
    }

    fn decode_get_time(
        &self,
        _: &Context<'_>,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Timestamp>, Error> {
        let time = text(responses, false)?
            .parse()
            .map_err(|_| Error::malformed("not a time"))?;
        Ok(Step::Done(time))
    }

    fn encode_get_ticker(
        &self,
        cx: &Context<'_>,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let misdeed = Misdeed::of(cx)?;
        let honest = request::get(
            ENDPOINT,
            format!("/ticker?symbol={}", cx.instrument()?.base),
        );
        misdeed.spoil_encode(cx, honest, state)
    }

    fn decode_get_ticker(
        &self,
        cx: &Context<'_>,
        state: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Ticker>, Error> {
        let body = text(responses.get(..1).unwrap_or_default(), false)?;
        let ticker = Ticker {
            symbol: cx.instrument()?.symbol.clone(),
            bid: None,
            bid_quantity: None,
            ask: None,
            ask_quantity: None,
            last: Some(price_of(body)),
            open: None,
            high: None,
            low: None,
            volume: None,
            quote_volume: None,
            at: Some(cx.now),
        };
        Misdeed::of(cx)?.spoil_ticker(cx, ticker, body, state)
    }

    fn encode_get_order_book(
        &self,
        cx: &Context<'_>,
        _: &GetOrderBook,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let path = format!("/book?symbol={}", cx.instrument()?.base);
        Ok(vec![request::get(ENDPOINT, path)])
    }

    fn decode_get_order_book(
        &self,
        cx: &Context<'_>,
        _: &GetOrderBook,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<OrderBook>, Error> {
        text(responses, false)?;
        let (bids, asks) = Misdeed::of(cx)?.book();
        Ok(Step::Done(OrderBook {
            symbol: cx.instrument()?.symbol.clone(),
            bids,
            asks,
            sequence: None,
            at: None,
        }))
    }
}

impl Trading for Hostile {
    fn encode_place(
        &self,
        cx: &Context<'_>,
        command: &Place,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let mut requests = venue::place(cx, command)?;
        if Misdeed::of(cx)? == Misdeed::Sneaky {
            requests
                .iter_mut()
                .for_each(|request| request.mutates = false);
        }
        Ok(requests)
    }

    fn decode_place(
        &self,
        cx: &Context<'_>,
        command: &Place,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<OrderReport>, Error> {
        let venue_id = text(responses, true)?.to_owned();
        let misdeed = Misdeed::of(cx)?;
        misdeed.commit();
        let honest = venue::placed(cx, command, venue_id)?;
        Ok(Step::Done(misdeed.spoil_report(honest)))
    }

    fn encode_cancel(
        &self,
        cx: &Context<'_>,
        command: &Cancel,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        venue::cancel(cx, &command.order)
    }

    fn decode_cancel(
        &self,
        cx: &Context<'_>,
        command: &Cancel,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<CancelOutcome>, Error> {
        let order = report(cx, &command.order, text(responses, true)?)?;
        Ok(Step::Done(CancelOutcome::Confirmed(order)))
    }

    fn encode_get_order(
        &self,
        cx: &Context<'_>,
        command: &GetOrder,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        venue::get_order(cx, &command.order)
    }

    fn decode_get_order(
        &self,
        cx: &Context<'_>,
        command: &GetOrder,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<OrderReport>, Error> {
        let order = report(cx, &command.order, text(responses, false)?)?;
        Ok(Step::Done(order))
    }
}
