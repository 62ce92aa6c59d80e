//! Shows an order's life through the REST API, with the curl command for each step.

use reqwest::Method;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

use super::CommandError;
use super::api_client::Api;

/// An order to show.
pub(super) struct Shown {
    pub(super) venue: String,
    pub(super) symbol: String,
    pub(super) quantity: String,
}

struct Walk {
    api: Api,
}

/// Places, amends, shows and cancels an order on each instrument, and trades a little of it.
pub(super) async fn walk_through(
    origin: &str,
    key: &str,
    shown: &[Shown],
) -> Result<(), CommandError> {
    let walk = Walk {
        api: Api::new(origin.to_owned(), Some(key.to_owned()))?,
    };
    walk.api.wait_until_ready().await?;
    println!("$ KEY={key}");
    for order in shown {
        walk.show(order).await?;
    }
    Ok(())
}

impl Walk {
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
        if let Some(body) = &body {
            curl.push_str(&format!(" -H 'Content-Type: application/json' -d '{body}'"));
        }
        println!("{curl} '{}{path}'", self.api.origin());
        let answer = self.api.call(method, path, body.as_ref()).await?;
        println!("{}\n{}\n", answer.status, answer.text);
        if !answer.status.is_success() {
            return Err(format!("{path} answered {}", answer.status).into());
        }
        Ok(answer.json())
    }
}

/// This share of the best bid, on the instrument's tick: an order there rests until it is cancelled.
pub(super) fn resting_price(
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
