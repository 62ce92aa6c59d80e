//! An honest adapter for a made-up venue, in which faults can be switched on one at a time.
//!
//! One component is built. It carries [`MARKER`] and two digits; a test writes a [`Fault`]'s number over them
//! and has an adapter with that fault. With `00` the adapter is honest, and passes the whole conformance kit
//! with the exchanges in `cases/`.

mod fault;
mod orders;
mod venue;
mod wire;

use switchyard_sdk::account::Balance;
use switchyard_sdk::market::{
    Bounds, GetOrderBook, InstrumentStatus, Level, ListedInstrument, Listing, NotionalBounds,
    OrderBook, Ticker,
};
use switchyard_sdk::query::Query;
use switchyard_sdk::trading::{Cancel, CancelOutcome, GetOrder, History, ListHistory, Place};
use switchyard_sdk::types::{
    Error, ErrorKind, HttpRequest, HttpResponse, Instrument, Method, OrderReport, OrderState,
    OrderTypes, Payoff, Product, QuantityUnit, TimesInForce, Timestamp,
};
use switchyard_sdk::{Account, Context, Descriptor, Market, Step, Trading, decimal, descriptor};

pub use fault::{Fault, MARKER};
use orders::{report, time};
use venue::{ENDPOINT, private, public};
use wire::{Number, read};

/// The adapter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faulty;

switchyard_sdk::export_adapter!(Faulty: market, trading, account);

impl Descriptor for Faulty {
    fn describe(&self) -> descriptor::Descriptor {
        venue::describe()
    }
}

impl Market for Faulty {
    fn encode_list_instruments(
        &self,
        _: &Context<'_>,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        Ok(public(Query::on("/v1/markets")))
    }

    fn decode_list_instruments(
        &self,
        cx: &Context<'_>,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Listing>, Error> {
        let markets: wire::Markets = read(cx, responses, false)?;
        let instruments = markets.markets.into_iter().map(listed).collect();
        Ok(Step::Done(Listing {
            instruments,
            limits: Vec::new(),
        }))
    }

    fn encode_get_time(
        &self,
        _: &Context<'_>,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let path = if Fault::UndeclaredCall.is_on() {
            "/v2/time"
        } else {
            "/v1/time"
        };
        Ok(public(Query::on(path)))
    }

    fn decode_get_time(
        &self,
        cx: &Context<'_>,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Timestamp>, Error> {
        let answer: wire::Time = read(cx, responses, false)?;
        Ok(Step::Done(answer.now.0))
    }

    fn encode_get_ticker(
        &self,
        cx: &Context<'_>,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let query = Query::on("/v1/ticker");
        Ok(public(query.with("market", &cx.instrument()?.venue_symbol)))
    }

    fn decode_get_ticker(
        &self,
        cx: &Context<'_>,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Ticker>, Error> {
        let answer: wire::Ticker = read(cx, responses, false)?;
        let instrument = cx.instrument()?;
        if answer.market.0 != instrument.venue_symbol {
            return Err(Error::malformed("the ticker of another market"));
        }
        let mut last = answer.last.0;
        if Fault::StaleState.is_on() {
            last = venue::stale(&last);
        }
        Ok(Step::Done(Ticker {
            symbol: instrument.symbol.clone(),
            bid: Some(answer.bid.0),
            bid_quantity: None,
            ask: Some(answer.ask.0),
            ask_quantity: None,
            last: Some(last),
            open: None,
            high: None,
            low: None,
            volume: Some(answer.volume.0),
            quote_volume: None,
            at: Some(time(answer.at)),
        }))
    }

    fn encode_get_order_book(
        &self,
        cx: &Context<'_>,
        command: &GetOrderBook,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let query = Query::on("/v1/book").with("market", &cx.instrument()?.venue_symbol);
        Ok(public(
            query.with_integer("depth", u64::from(command.depth)),
        ))
    }

    fn decode_get_order_book(
        &self,
        cx: &Context<'_>,
        command: &GetOrderBook,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<OrderBook>, Error> {
        let book: wire::Book = read(cx, responses, false)?;
        let levels = |side: Vec<(Number, Number)>| -> Vec<Level> {
            let side = side.into_iter().take(command.depth as usize);
            side.map(|(price, quantity)| Level {
                price: price.0,
                quantity: quantity.0,
            })
            .collect()
        };
        let (bids, mut asks) = (levels(book.bids), levels(book.asks));
        if Fault::UnsortedBook.is_on() {
            asks.reverse();
        }
        Ok(Step::Done(OrderBook {
            symbol: cx.instrument()?.symbol.clone(),
            bids,
            asks,
            sequence: Some(book.sequence.to_string()),
            at: Some(time(book.at)),
        }))
    }
}

impl Trading for Faulty {
    fn encode_place(
        &self,
        cx: &Context<'_>,
        command: &Place,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let body = orders::body(cx, command)?;
        let mut requests = private(cx, Method::Post, Query::on("/v1/order"), Some(body))?;
        if Fault::UnmarkedMutation.is_on() || Fault::OrderDeclaredRead.is_on() {
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
        let answer: Result<wire::OrderAnswer, Error> = read(cx, responses, true);
        match answer {
            Err(error)
                if Fault::SwallowedError.is_on() && error.kind == ErrorKind::InsufficientFunds =>
            {
                Ok(Step::Done(refused(cx, command, error)?))
            }
            answer => Ok(Step::Done(
                report(cx, answer?.order).map_err(|error| error.after(true))?,
            )),
        }
    }

    fn encode_cancel(
        &self,
        cx: &Context<'_>,
        command: &Cancel,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        private(
            cx,
            Method::Delete,
            venue::order_query(cx, &command.order)?,
            None,
        )
    }

    fn decode_cancel(
        &self,
        cx: &Context<'_>,
        _: &Cancel,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<CancelOutcome>, Error> {
        let answer: wire::OrderAnswer = read(cx, responses, true)?;
        let order = report(cx, answer.order).map_err(|error| error.after(true))?;
        Ok(Step::Done(CancelOutcome::Confirmed(order)))
    }

    fn encode_get_order(
        &self,
        cx: &Context<'_>,
        command: &GetOrder,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let mut requests = private(
            cx,
            Method::Get,
            venue::order_query(cx, &command.order)?,
            None,
        )?;
        if Fault::MutatingRead.is_on() {
            requests
                .iter_mut()
                .for_each(|request| request.mutates = true);
        }
        Ok(requests)
    }

    fn decode_get_order(
        &self,
        cx: &Context<'_>,
        _: &GetOrder,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<OrderReport>, Error> {
        let answer: wire::OrderAnswer = read(cx, responses, false)?;
        Ok(Step::Done(report(cx, answer.order)?))
    }

    fn encode_list_open(
        &self,
        cx: &Context<'_>,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let market = cx.instrument.as_ref().map(|i| i.venue_symbol.as_str());
        let query = Query::on("/v1/orders/open").with_some("market", market);
        private(cx, Method::Get, query, None)
    }

    fn decode_list_open(
        &self,
        cx: &Context<'_>,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Vec<OrderReport>>, Error> {
        let answer: Result<wire::Orders, Error> = read(cx, responses, false);
        match answer {
            Err(error)
                if Fault::SwallowedAnswer.is_on() && error.kind == ErrorKind::MalformedResponse =>
            {
                Ok(Step::Done(Vec::new()))
            }
            answer => {
                let answer = answer?;
                if answer.more {
                    return Err(Error::malformed("more open orders than the venue allows"));
                }
                let orders = answer.orders.into_iter().map(|order| report(cx, order));
                Ok(Step::Done(orders.collect::<Result<_, _>>()?))
            }
        }
    }

    fn encode_list_history(
        &self,
        cx: &Context<'_>,
        command: &ListHistory,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let query = Query::on("/v1/orders")
            .with("market", &cx.instrument()?.venue_symbol)
            .with_integer("since", command.since)
            .with_integer("before", command.before)
            .with_integer("limit", u64::from(command.limit));
        private(cx, Method::Get, query, None)
    }

    fn decode_list_history(
        &self,
        cx: &Context<'_>,
        _: &ListHistory,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<History>, Error> {
        let answer: wire::Orders = read(cx, responses, false)?;
        let last = answer.orders.last().map(|order| order.created_at.0);
        let read_until = match (answer.more, last) {
            (false, _) => None,
            (true, None) => return Err(Error::malformed("more orders after none")),
            (true, Some(_)) if Fault::TruncatedList.is_on() => None,
            (true, Some(last)) => Some(last),
        };
        let orders = answer.orders.into_iter().map(|order| report(cx, order));
        Ok(Step::Done(History {
            orders: orders.collect::<Result<_, _>>()?,
            read_until,
        }))
    }
}

impl Account for Faulty {
    fn encode_list_balances(
        &self,
        cx: &Context<'_>,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        private(cx, Method::Get, Query::on("/v1/balances"), None)
    }

    fn decode_list_balances(
        &self,
        cx: &Context<'_>,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Vec<Balance>>, Error> {
        let answer: wire::Balances = read(cx, responses, false)?;
        let balance = |balance: wire::Balance| {
            let total = decimal::sum(&balance.free.0, &balance.held.0)
                .ok_or_else(|| Error::malformed("a balance beyond what a decimal holds"))?;
            Ok(Balance {
                asset: balance.asset.0,
                free: balance.free.0,
                locked: balance.held.0,
                total,
            })
        };
        let balances: Result<Vec<Balance>, Error> =
            answer.balances.into_iter().map(balance).collect();
        Ok(Step::Done(balances?))
    }
}

/// What an adapter makes of a refusal that takes it for an order.
fn refused(cx: &Context<'_>, command: &Place, error: Error) -> Result<OrderReport, Error> {
    Ok(OrderReport {
        symbol: cx.instrument()?.symbol.clone(),
        venue_id: "0".to_owned(),
        client_id: Some(command.client_id.clone()),
        side: command.side,
        order_type: command.order_type,
        time_in_force: command.time_in_force,
        reduce_only: false,
        quantity: Some(command.quantity.clone()),
        price: command.price.clone(),
        state: OrderState::Rejected,
        filled_quantity: "0".to_owned(),
        average_price: None,
        created_at: None,
        updated_at: None,
        reason: Some(error.message),
    })
}

fn listed(market: wire::Market) -> ListedInstrument {
    let quote = if Fault::SymbolCollision.is_on() {
        "USD"
    } else {
        &market.quote.0
    };
    let instrument = Instrument {
        symbol: format!("{}/{quote}", market.base.0),
        venue_symbol: market.name.0,
        endpoint: ENDPOINT.to_owned(),
        product: Product::Spot,
        payoff: Payoff::Delivery,
        base: market.base.0.clone(),
        quote: quote.to_owned(),
        settle: quote.to_owned(),
        quantity_unit: QuantityUnit::Base,
        contract_size: "1".to_owned(),
        expiry: None,
        hints: Vec::new(),
    };
    ListedInstrument {
        instrument,
        status: if market.open {
            InstrumentStatus::Trading
        } else {
            InstrumentStatus::Halted
        },
        price: Bounds {
            min: None,
            max: None,
            step: Some(market.tick.0),
        },
        quantity: Bounds {
            min: Some(market.min_quantity.0),
            max: Some(market.max_quantity.0),
            step: Some(market.lot.0),
        },
        market_quantity: None,
        notional: Some(NotionalBounds {
            min: Some(market.min_value.0),
            max: None,
            min_applies_to_market: false,
            max_applies_to_market: false,
            min_applies_to_reduce_only: false,
        }),
        price_band: None,
        max_open_orders: None,
        max_position: None,
        order_types: OrderTypes::all(),
        times_in_force: TimesInForce::GTC | TimesInForce::IOC | TimesInForce::FOK,
        other_rules: Vec::new(),
    }
}
