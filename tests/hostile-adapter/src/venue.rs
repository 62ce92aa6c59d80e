//! The plain-text venue, spoken honestly.

use switchyard_sdk::Context;
use switchyard_sdk::descriptor::{
    AllowedCall, AmendMode, ClientIdRules, Descriptor, Endpoint, EndpointRules,
};
use switchyard_sdk::market::{Bounds, InstrumentStatus, ListedInstrument};
use switchyard_sdk::request::{self, request};
use switchyard_sdk::trading::Place;
use switchyard_sdk::types::{
    Error, ErrorKind, HttpRequest, HttpResponse, Instrument, Method, OrderRef, OrderReport,
    OrderState, OrderType, OrderTypes, Payoff, Product, QuantityUnit, Side, TimeInForce,
    TimesInForce,
};

/// The only endpoint.
pub(crate) const ENDPOINT: &str = "rest";

pub(crate) fn describe() -> Descriptor {
    let call = |method, path: &str| AllowedCall {
        mutates: method != Method::Get,
        endpoint: ENDPOINT.to_owned(),
        method,
        path: path.to_owned(),
    };
    Descriptor {
        venue: "hostile".to_owned(),
        adapter_version: env!("CARGO_PKG_VERSION").to_owned(),
        endpoints: vec![Endpoint {
            alias: ENDPOINT.to_owned(),
            description: "A venue of plain text.".to_owned(),
            products: vec![Product::Spot],
        }],
        allowed_calls: vec![
            call(Method::Get, "/time"),
            call(Method::Get, "/instruments"),
            call(Method::Get, "/ticker"),
            call(Method::Get, "/book"),
            call(Method::Get, "/order"),
            call(Method::Post, "/order"),
            call(Method::Delete, "/order"),
        ],
        client_id_rules: ClientIdRules {
            max_length: 36,
            alphabet: "abcdefghijklmnopqrstuvwxyz0123456789".to_owned(),
        },
        buckets: Vec::new(),
        endpoint_rules: vec![EndpointRules {
            endpoint: ENDPOINT.to_owned(),
            amend_mode: AmendMode::Unsupported,
            order_types: OrderTypes::all(),
            times_in_force: TimesInForce::all(),
            reduce_only: false,
            open_without_instrument: true,
            history_without_instrument: true,
            unfilled_history_ms: None,
            filled_history_ms: None,
            max_window_ms: 60_000,
            settle_ms: 1_000,
            candle_seconds: Vec::new(),
        }],
    }
}

pub(crate) fn instrument(base: &str) -> ListedInstrument {
    let steps_of = |step: &str| Bounds {
        min: None,
        max: None,
        step: Some(step.to_owned()),
    };
    let instrument = Instrument {
        symbol: format!("{base}/USDT"),
        venue_symbol: base.to_owned(),
        endpoint: ENDPOINT.to_owned(),
        product: Product::Spot,
        payoff: Payoff::Delivery,
        base: base.to_owned(),
        quote: "USDT".to_owned(),
        settle: "USDT".to_owned(),
        quantity_unit: QuantityUnit::Base,
        contract_size: "1".to_owned(),
        expiry: None,
        hints: Vec::new(),
    };
    ListedInstrument {
        instrument,
        status: InstrumentStatus::Trading,
        price: steps_of("0.01"),
        quantity: steps_of("0.001"),
        market_quantity: None,
        notional: None,
        price_band: None,
        max_open_orders: None,
        max_position: None,
        order_types: OrderTypes::all(),
        times_in_force: TimesInForce::all(),
        other_rules: Vec::new(),
    }
}

/// The text of the only answer.
pub(crate) fn text(responses: &[HttpResponse], mutates: bool) -> Result<&str, Error> {
    let [response] = responses else {
        return Err(Error::malformed("one response expected").after(mutates));
    };
    match response.status {
        200 => std::str::from_utf8(&response.body)
            .map(str::trim)
            .map_err(|_| Error::malformed("not text").after(mutates)),
        404 => Err(Error::refused(ErrorKind::OrderNotFound).because("no such order")),
        _ => Err(switchyard_sdk::errors::by_status(response, mutates)),
    }
}

/// The first word of a ticker.
pub(crate) fn price_of(body: &str) -> String {
    body.split(' ').next().unwrap_or_default().to_owned()
}

fn order_path(cx: &Context<'_>, client_id: &str) -> Result<String, Error> {
    Ok(format!(
        "/order?symbol={}&id={client_id}",
        cx.instrument()?.base
    ))
}

fn client_id(order: &OrderRef) -> Result<&str, Error> {
    order
        .client_id
        .as_deref()
        .ok_or_else(|| Error::unsupported("an order without a client id"))
}

pub(crate) fn place(cx: &Context<'_>, command: &Place) -> Result<Vec<HttpRequest>, Error> {
    let path = format!(
        "{}&side={}&quantity={}&price={}",
        order_path(cx, &command.client_id)?,
        side_name(command.side),
        command.quantity,
        command.price.as_deref().unwrap_or("0"),
    );
    Ok(vec![request(Method::Post, ENDPOINT, path)])
}

pub(crate) fn cancel(cx: &Context<'_>, order: &OrderRef) -> Result<Vec<HttpRequest>, Error> {
    let path = order_path(cx, client_id(order)?)?;
    Ok(vec![request(Method::Delete, ENDPOINT, path)])
}

pub(crate) fn get_order(cx: &Context<'_>, order: &OrderRef) -> Result<Vec<HttpRequest>, Error> {
    Ok(vec![request::get(
        ENDPOINT,
        order_path(cx, client_id(order)?)?,
    )])
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

pub(crate) fn placed(
    cx: &Context<'_>,
    command: &Place,
    venue_id: String,
) -> Result<OrderReport, Error> {
    Ok(OrderReport {
        symbol: cx.instrument()?.symbol.clone(),
        venue_id,
        client_id: Some(command.client_id.clone()),
        side: command.side,
        order_type: command.order_type,
        time_in_force: command.time_in_force,
        reduce_only: false,
        quantity: Some(command.quantity.clone()),
        price: command.price.clone(),
        state: OrderState::New,
        filled_quantity: "0".to_owned(),
        average_price: None,
        created_at: Some(cx.now),
        updated_at: Some(cx.now),
        reason: None,
    })
}

/// An order as the venue shows it: `id side quantity price state`.
pub(crate) fn report(cx: &Context<'_>, asked: &OrderRef, line: &str) -> Result<OrderReport, Error> {
    let words: Vec<&str> = line.split(' ').collect();
    let [venue_id, side, quantity, price, state] = words.as_slice() else {
        return Err(Error::malformed("five words expected"));
    };
    Ok(OrderReport {
        symbol: cx.instrument()?.symbol.clone(),
        venue_id: (*venue_id).to_owned(),
        client_id: asked.client_id.clone(),
        side: if *side == "buy" {
            Side::Buy
        } else {
            Side::Sell
        },
        order_type: OrderType::Limit,
        time_in_force: Some(TimeInForce::Gtc),
        reduce_only: false,
        quantity: Some((*quantity).to_owned()),
        price: Some((*price).to_owned()),
        state: if *state == "open" {
            OrderState::New
        } else {
            OrderState::Canceled
        },
        filled_quantity: "0".to_owned(),
        average_price: None,
        created_at: None,
        updated_at: Some(cx.now),
        reason: None,
    })
}
