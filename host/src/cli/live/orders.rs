//! What the steps are made of: orders placed, looked at, waited for and cleared away.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Stop;
use super::desk::decimal;
use super::life::{FINAL, Life};
use super::private::VENUE;
use crate::cli::api_client::Answer;

/// How long an order may take to its end, and a look at it to show what was done to it.
const SETTLED_WITHIN: Duration = Duration::from_secs(15);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Life<'_> {
    pub(super) async fn place_limit(
        &mut self,
        price: Decimal,
        time_in_force: &str,
    ) -> Result<(String, Value), Stop> {
        let quantity = self.desk()?.quantity;
        self.place(json!({"type": "limit", "quantity": quantity.to_string(), "price": price.to_string(), "time_in_force": time_in_force})).await
    }

    pub(super) async fn ask_for(
        &mut self,
        price: Decimal,
        time_in_force: &str,
    ) -> Result<Result<(String, Value), Answer>, Stop> {
        let quantity = self.desk()?.quantity;
        let body = json!({"type": "limit", "quantity": quantity.to_string(), "price": price.to_string(), "time_in_force": time_in_force});
        self.ask_body(body).await
    }

    /// Places a buy order that must be taken, and waits until it is known how it went.
    pub(super) async fn place(&mut self, body: Value) -> Result<(String, Value), Stop> {
        let shown = body.to_string();
        match self.ask_body(body).await? {
            Ok(placed) => Ok(placed),
            Err(refusal) => {
                let came_back = format!("{} {}", refusal.status, refusal.text);
                Err(Stop::fail(
                    format!("POST /v1/orders {shown}"),
                    came_back,
                    "an order",
                ))
            }
        }
    }

    /// Places a buy order; the inner error is the venue's refusal.
    pub(super) async fn ask_body(
        &mut self,
        mut body: Value,
    ) -> Result<Result<(String, Value), Answer>, Stop> {
        body["venue"] = VENUE.into();
        body["symbol"] = self.desk()?.symbol.clone().into();
        body["side"] = "buy".into();
        let answer = self.call(Method::POST, "/v1/orders", Some(body)).await?;
        let order = answer.json();
        match (answer.status.is_success(), order["id"].as_str()) {
            (true, Some(id)) => {
                let id = id.to_owned();
                self.placed.push(id.clone());
                let order = self.known(&id).await?;
                Ok(Ok((id, order)))
            }
            _ => Ok(Err(answer)),
        }
    }

    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Answer, Stop> {
        Ok(self.gateway.api.call(method, path, body.as_ref()).await?)
    }

    /// A call that must succeed.
    pub(super) async fn expect(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        expected: &str,
    ) -> Result<Answer, Stop> {
        let shown = body.as_ref().map(ToString::to_string).unwrap_or_default();
        let answer = self.call(method.clone(), path, body).await?;
        if matches!(
            answer.status,
            StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED
        ) {
            return Ok(answer);
        }
        let came_back = format!("{} {}", answer.status, answer.text);
        Err(Stop::fail(
            format!("{method} {path} {shown}"),
            came_back,
            expected,
        ))
    }

    pub(super) async fn look(&self, id: &str) -> Result<Value, Stop> {
        let path = format!("/v1/orders/{id}");
        Ok(self
            .expect(Method::GET, &path, None, "the order")
            .await?
            .json())
    }

    /// The order as soon as its state is none that is under way.
    pub(super) async fn known(&self, id: &str) -> Result<Value, Stop> {
        self.until(id, |state| !state.starts_with("PENDING")).await
    }

    /// The order once no change of it is under way.
    pub(super) async fn settled(&self, id: &str) -> Result<Value, Stop> {
        self.known(id).await
    }

    pub(super) async fn until(
        &self,
        id: &str,
        is_there: impl Fn(&str) -> bool,
    ) -> Result<Value, Stop> {
        let began = tokio::time::Instant::now();
        loop {
            let order = self.look(id).await?;
            if order["state"].as_str().is_some_and(&is_there) {
                return Ok(order);
            }
            if began.elapsed() > SETTLED_WITHIN {
                return Err(Stop::fail(
                    format!("GET /v1/orders/{id}, for {} s", SETTLED_WITHIN.as_secs()),
                    order.to_string(),
                    "an order whose fate is known",
                ));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub(super) fn is_in(&self, order: &Value, states: &[&str]) -> Result<(), Stop> {
        if order["state"]
            .as_str()
            .is_some_and(|state| states.contains(&state))
        {
            return Ok(());
        }
        Err(Stop::fail(
            "an order",
            order.to_string(),
            &format!("state {}", states.join(" or ")),
        ))
    }

    /// Whether an order is among the open ones.
    pub(super) async fn is_open(&self, id: &str, wanted: bool) -> Result<(), Stop> {
        let symbol = &self.desk()?.symbol;
        let path = format!("/v1/orders/active?venue={VENUE}&symbol={symbol}");
        let answer = self
            .expect(Method::GET, &path, None, "the open orders")
            .await?;
        let open = answer.json();
        let mut items = open["items"].as_array().into_iter().flatten();
        if items.any(|order| order["id"] == id) == wanted {
            return Ok(());
        }
        let expected = if wanted {
            "among the open orders"
        } else {
            "not among the open orders"
        };
        Err(Stop::fail(path, answer.text, &format!("{id} {expected}")))
    }

    /// The fills of an order have its filled quantity.
    pub(super) async fn fills_add_up(&self, id: &str) -> Result<(), Stop> {
        let path = format!("/v1/fills?order_id={id}");
        let order = self.look(id).await?;
        let wanted = decimal(&order["filled_quantity"]);
        let answer = self
            .expect(Method::GET, &path, None, "the order's fills")
            .await?;
        let fills = answer.json();
        let items = fills["items"].as_array().into_iter().flatten();
        let sum: Decimal = items.filter_map(|fill| decimal(&fill["quantity"])).sum();
        if wanted == Some(sum) {
            return Ok(());
        }
        let came_back = format!("{}, which is {sum} in all; the order: {order}", answer.text);
        Err(Stop::fail(
            path,
            came_back,
            "as much as the order's filled_quantity",
        ))
    }

    /// Ends an order if it is open. Whether that works is the last step's business.
    pub(super) async fn clear(&self, id: &str) {
        let order = self.look(id).await.unwrap_or_default();
        if order["state"]
            .as_str()
            .is_some_and(|state| !FINAL.contains(&state))
        {
            let _ = self
                .call(Method::DELETE, &format!("/v1/orders/{id}"), None)
                .await;
        }
    }
}
