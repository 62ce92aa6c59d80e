//! Shows an order's life through the REST API, with the curl command for each step.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

use super::CommandError;

/// How long the gateway may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// An order to show.
pub(super) struct Shown {
    pub(super) venue: String,
    pub(super) symbol: String,
    pub(super) quantity: String,
}

struct Api<'a> {
    client: Client,
    origin: &'a str,
    key: &'a str,
}

/// Places, amends, shows and cancels an order on each instrument, and trades a little of it.
pub(super) async fn walk_through(
    origin: &str,
    key: &str,
    shown: &[Shown],
) -> Result<(), CommandError> {
    let client = Client::builder().no_proxy().build()?;
    let api = Api {
        client,
        origin,
        key,
    };
    api.wait_until_ready().await?;
    println!("$ KEY={key}");
    for order in shown {
        api.show(order).await?;
    }
    Ok(())
}

impl Api<'_> {
    async fn wait_until_ready(&self) -> Result<(), CommandError> {
        let ready = async {
            loop {
                let answer = self
                    .client
                    .get(format!("{}/health/ready", self.origin))
                    .send()
                    .await;
                if answer.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let late = || {
            format!(
                "the gateway was not ready within {} s",
                READY_WITHIN.as_secs()
            )
        };
        Ok(tokio::time::timeout(READY_WITHIN, ready)
            .await
            .map_err(|_| late())?)
    }

    async fn show(&self, shown: &Shown) -> Result<(), CommandError> {
        let Shown {
            venue,
            symbol,
            quantity,
        } = shown;
        let ticker = self
            .call(
                Method::GET,
                &format!("/v1/tickers?venue={venue}&symbol={symbol}"),
                None,
            )
            .await?;
        let instrument = self
            .call(
                Method::GET,
                &format!("/v1/instruments?venue={venue}&symbol={symbol}"),
                None,
            )
            .await?;
        let price = resting_price(&ticker, &instrument, Decimal::new(90, 2))?;
        let higher = resting_price(&ticker, &instrument, Decimal::new(95, 2))?;

        let limit = json!({"venue": venue, "symbol": symbol, "side": "buy", "type": "limit", "quantity": quantity, "price": price});
        let placed = self.call(Method::POST, "/v1/orders", Some(limit)).await?;
        let id = placed["id"]
            .as_str()
            .ok_or("the order was not placed")?
            .to_owned();
        let order = format!("/v1/orders/{id}");
        self.call(Method::PATCH, &order, Some(json!({"price": higher})))
            .await?;
        self.call(Method::GET, &order, None).await?;
        self.call(
            Method::GET,
            &format!("/v1/orders/active?venue={venue}"),
            None,
        )
        .await?;
        self.call(Method::DELETE, &order, None).await?;

        let market = json!({"venue": venue, "symbol": symbol, "side": "buy", "type": "market", "quantity": quantity});
        let filled = self.call(Method::POST, "/v1/orders", Some(market)).await?;
        let id = filled["id"].as_str().ok_or("the order was not placed")?;
        self.call(Method::GET, &format!("/v1/fills?order_id={id}"), None)
            .await?;
        if instrument["items"][0]["product"] != "spot" {
            let positions = format!("/v1/positions?venue={venue}&symbol={symbol}");
            self.call(Method::GET, &positions, None).await?;
        }
        Ok(())
    }

    /// Makes a request, printing the curl command that would make it, and its answer.
    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, CommandError> {
        let mut curl = String::from("$ curl -s -H \"Authorization: Bearer $KEY\"");
        if method != Method::GET {
            curl.push_str(&format!(" -X {method}"));
        }
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.origin))
            .bearer_auth(self.key);
        if let Some(body) = &body {
            curl.push_str(&format!(" -H 'Content-Type: application/json' -d '{body}'"));
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        println!("{curl} '{}{path}'", self.origin);
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        println!("{status}\n{text}\n");
        if !status.is_success() {
            return Err(format!("{path} answered {status}").into());
        }
        Ok(serde_json::from_str(&text)?)
    }
}

/// This share of the best bid, on the instrument's tick: an order there rests until it is cancelled.
fn resting_price(
    ticker: &Value,
    instrument: &Value,
    share: Decimal,
) -> Result<String, CommandError> {
    let decimal = |value: &Value| value.as_str().and_then(|text| text.parse::<Decimal>().ok());
    let bid = decimal(&ticker["items"][0]["bid"]).ok_or("the ticker has no bid")?;
    let tick = decimal(&instrument["items"][0]["price"]["step"]).unwrap_or(Decimal::new(1, 2));
    let ticks = (bid * share / tick).round_dp_with_strategy(0, RoundingStrategy::ToZero);
    Ok((ticks * tick).normalize().to_string())
}
