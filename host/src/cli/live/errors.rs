//! Steps that a venue must refuse, each with the right error.
//!
//! The gateway keeps most of these from a venue, so all but the first are asked of the venue behind it.

use std::sync::Arc;
use std::time::Duration;

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};
use switchyard_runtime::wit::trading::CancelOutcome;
use switchyard_runtime::wit::trading::{
    Amend as Change, Cancel as End, GetOrder as AskedOrder, Place as NewOrder,
};
use switchyard_runtime::wit::types::{OrderRef, OrderState, OrderType, Side, TimeInForce};
use switchyard_runtime::{Amend, Cancel, GetOrder, Place};

use super::Stop;
use super::desk::decimal;
use super::life::Life;
use crate::model::{Attempt, Failure, FailureCode, Fate};
use crate::reliability::Deadline;
use crate::venue::{Ask, Listed, Tape};

/// How long the venue may take.
const WITHIN: Duration = Duration::from_secs(10);

/// A client id of nobody's, as the gateway makes them.
const NOBODYS: &str = "swlive0nobody0placed0this";

/// Orders in all that an account is taken not to be able to pay for.
const FAR_TOO_MUCH: i64 = 1_000_000_000;

impl Life<'_> {
    pub(super) async fn beyond_means(&mut self) -> Result<usize, Stop> {
        let desk = self.desk()?.clone();
        let bound = |name: &str, part: &str| decimal(&desk.instrument[name][part]);
        let price = desk.below(90);
        let mut quantity = desk.quantity * Decimal::from(FAR_TOO_MUCH);
        if let Some(most) = bound("quantity", "max") {
            quantity = quantity.min(most);
        }
        if let Some(most) = bound("notional", "max").filter(|_| !price.is_zero()) {
            quantity = quantity.min(most / price);
        }
        let quantity = desk.on_lot(quantity, RoundingStrategy::ToZero);
        let body = json!({"type": "limit", "quantity": quantity.to_string(), "price": price.to_string(), "time_in_force": "gtc"});
        match self.ask_body(body.clone()).await? {
            Ok((id, _)) => {
                self.clear(&id).await;
                Err(Stop::skip(
                    "the account can pay for the largest order that the venue takes",
                ))
            }
            Err(refusal) if refusal.json()["code"] == "insufficient-funds" => Ok(1),
            Err(refusal) => Err(Stop::fail(
                format!("POST /v1/orders {body}"),
                format!("{} {}", refusal.status, refusal.text),
                "insufficient-funds",
            )),
        }
    }

    pub(super) async fn unknown_order(&mut self) -> Result<usize, Stop> {
        let listed = self.listed()?;
        let order = OrderRef {
            venue_id: None,
            client_id: Some(NOBODYS.to_owned()),
        };
        let ask = Ask::<GetOrder> {
            endpoint: &self.desk()?.endpoint,
            instrument: Some(&listed),
            command: AskedOrder { order },
            deadline: Deadline::after(WITHIN),
        };
        let answer = self.gateway.venue.read_once(ask).await;
        let is_right = |failure: &Failure| failure.code == FailureCode::OrderNotFound;
        refused(
            format!("get-order {NOBODYS}"),
            answer,
            is_right,
            "order-not-found",
        )
    }

    pub(super) async fn unknown_symbol(&mut self) -> Result<usize, Stop> {
        let listed = self.listed()?;
        let mut contract = listed.contract.clone();
        contract.venue_symbol = "NOSUCHXYZ".to_owned();
        let nowhere = Arc::new(Listed {
            instrument: listed.instrument.clone(),
            contract,
        });
        let command = self.new_order(self.desk()?.quantity)?;
        let ask = Ask::<Place> {
            endpoint: &listed.instrument.endpoint,
            instrument: Some(&nowhere),
            command,
            deadline: Deadline::after(WITHIN),
        };
        let answer = self
            .gateway
            .venue
            .run_once(ask, unrecorded, &Tape::default())
            .await;
        refused("place NOSUCHXYZ".to_owned(), answer, is_invalid, INVALID)
    }

    /// A limit order below the market.
    fn new_order(&self, quantity: Decimal) -> Result<NewOrder, Stop> {
        Ok(NewOrder {
            client_id: NOBODYS.to_owned(),
            side: Side::Buy,
            order_type: OrderType::Limit,
            quantity: quantity.to_string(),
            price: Some(self.desk()?.below(90).to_string()),
            time_in_force: Some(TimeInForce::Gtc),
            reduce_only: false,
        })
    }

    /// Asks the venue to amend an order that is over.
    pub(super) async fn venue_refuses_amend(
        &self,
        order: &Value,
        quantity: String,
    ) -> Result<(), Stop> {
        let (listed, desk) = (self.listed()?, self.desk()?);
        let text = |name: &str| order[name].as_str().map(str::to_owned);
        let command = Change {
            order: reference(order),
            side: Side::Buy,
            time_in_force: Some(TimeInForce::Gtc),
            reduce_only: false,
            current_quantity: text("quantity").unwrap_or_default(),
            current_price: Some(desk.below(90).to_string()),
            filled_quantity: "0".to_owned(),
            quantity: Some(quantity),
            price: Some(desk.below(90).to_string()),
            new_client_id: NOBODYS.to_owned(),
        };
        let ask = Ask::<Amend> {
            endpoint: &desk.endpoint,
            instrument: Some(&listed),
            command,
            deadline: Deadline::after(WITHIN),
        };
        let answer = self
            .gateway
            .venue
            .run_once(ask, unrecorded, &Tape::default())
            .await;
        refused(format!("amend of {order}"), answer, is_over, OVER).map(|_| ())
    }

    /// Asks the venue to cancel an order that is over.
    pub(super) async fn venue_refuses_cancel(&self, order: &Value) -> Result<(), Stop> {
        let (listed, desk) = (self.listed()?, self.desk()?);
        let ask = Ask::<Cancel> {
            endpoint: &desk.endpoint,
            instrument: Some(&listed),
            command: End {
                order: reference(order),
            },
            deadline: Deadline::after(WITHIN),
        };
        let answer = self
            .gateway
            .venue
            .run_once(ask, unrecorded, &Tape::default())
            .await;
        if let Ok(CancelOutcome::Confirmed(report)) = &answer
            && report.state == OrderState::Filled
        {
            return Ok(());
        }
        refused(format!("cancel of {order}"), answer, is_over, OVER).map(|_| ())
    }

    pub(super) async fn off_the_lot(&mut self) -> Result<usize, Stop> {
        let listed = self.listed()?;
        let desk = self.desk()?.clone();
        let half = (desk.lot / Decimal::TWO).normalize();
        let quantity = (desk.quantity + half).normalize();
        let command = self.new_order(quantity)?;
        let ask = Ask::<Place> {
            endpoint: &desk.endpoint,
            instrument: Some(&listed),
            command,
            deadline: Deadline::after(WITHIN),
        };
        let answer = self
            .gateway
            .venue
            .run_once(ask, unrecorded, &Tape::default())
            .await;
        if let Ok(report) = &answer {
            // A venue that takes it leaves an order that the gateway never heard of.
            let came_back = format!("{report:?}");
            let sent = format!("place {quantity} {} (lot {})", desk.symbol, desk.lot);
            let expected =
                "invalid-request; cancel the order by hand: the gateway does not know it";
            return Err(Stop::fail(sent, came_back, expected));
        }
        let sent = format!("place {quantity} (lot {})", desk.lot);
        refused(sent, answer, is_invalid, INVALID)
    }

    fn listed(&self) -> Result<Arc<Listed>, Stop> {
        let symbol = &self.desk()?.symbol;
        let listed = self.gateway.venue.instrument(symbol);
        listed.ok_or_else(|| Stop::skip(format!("{symbol} is not listed any more")))
    }
}

/// What a venue must say of an order that it cannot mean.
const INVALID: &str = "invalid-request or unsupported, without effect";

fn is_invalid(failure: &Failure) -> bool {
    matches!(
        failure.code,
        FailureCode::InvalidRequest | FailureCode::Unsupported
    ) && failure.fate != Fate::Unknown
}

/// What a venue may say of a change to an order that is over.
const OVER: &str = "not-amendable, order-not-found or invalid-request, without effect";

fn is_over(failure: &Failure) -> bool {
    use FailureCode::{InvalidRequest, NotAmendable, OrderNotFound};
    matches!(failure.code, NotAmendable | OrderNotFound | InvalidRequest)
        && failure.fate != Fate::Unknown
}

/// The order meant, by both ids.
fn reference(order: &Value) -> OrderRef {
    let text = |name: &str| order[name].as_str().map(str::to_owned);
    OrderRef {
        venue_id: text("venue_order_id"),
        client_id: text("id"),
    }
}

/// These are no orders of the gateway's, so its journal has nothing to say of them.
async fn unrecorded(_: Attempt) -> Result<(), Failure> {
    Ok(())
}

fn refused<T: std::fmt::Debug>(
    sent: String,
    answer: Result<T, Failure>,
    is_right: impl Fn(&Failure) -> bool,
    expected: &str,
) -> Result<usize, Stop> {
    match answer {
        Err(failure) if is_right(&failure) => Ok(1),
        answer => Err(Stop::fail(sent, format!("{answer:?}"), expected)),
    }
}
