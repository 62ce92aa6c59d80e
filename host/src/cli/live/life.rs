//! The steps, in their order. A step leaves its order for those that need one.

use reqwest::Method;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};
use switchyard_runtime::Capability;
use switchyard_runtime::wit::descriptor::AmendMode;

use super::desk::{Desk, decimal};
use super::private::{PrivateGateway, VENUE};
use super::{LiveArgs, Stop};

/// States in which nothing more happens to an order.
pub(super) const FINAL: [&str; 4] = ["FILLED", "CANCELED", "REJECTED", "EXPIRED"];

/// Steps that need the market as it is now. Tickers cost of what a venue allows, so no others ask.
const PRICED: [&str; 6] = [
    "LIV-005", "LIV-009", "LIV-011", "LIV-012", "LIV-014", "LIV-018",
];

/// What came of a step: how many things were looked at.
pub(super) type Looked = Result<usize, Stop>;

/// An account's life at the venue, as far as it came.
pub(super) struct Life<'a> {
    pub(super) gateway: &'a PrivateGateway,
    pub(super) args: &'a LiveArgs,
    pub(super) desk: Option<Desk>,
    /// Every order of this life, by the gateway's id.
    pub(super) placed: Vec<String>,
    resting: Option<String>,
    filled: Option<String>,
    partly: Option<String>,
}

impl<'a> Life<'a> {
    pub(super) fn new(gateway: &'a PrivateGateway, args: &'a LiveArgs) -> Self {
        Self {
            gateway,
            args,
            desk: None,
            placed: Vec::new(),
            resting: None,
            filled: None,
            partly: None,
        }
    }

    /// Takes the step with this id.
    pub(super) async fn step(&mut self, id: &str) -> Looked {
        if PRICED.contains(&id) {
            self.desk
                .as_mut()
                .ok_or_else(unreached)?
                .refresh(&self.gateway.api)
                .await?;
        }
        if !matches!(id, "LIV-001" | "LIV-002") {
            self.must_trade()?;
        }
        match id {
            "LIV-001" => self.reach().await,
            "LIV-002" => self.market().await,
            "LIV-003" => self.balances().await,
            "LIV-004" => self.market_order().await,
            "LIV-005" => self.limit_order().await,
            "LIV-006" => self.amend_price().await,
            "LIV-007" => self.amend_quantity().await,
            "LIV-008" => self.cancel().await,
            "LIV-009" => self.unfillable("ioc").await,
            "LIV-010" => self.unfillable("fok").await,
            "LIV-011" => self.post_only().await,
            "LIV-012" => self.partial_fill().await,
            "LIV-013" => self.cancel_partial().await,
            "LIV-014" => self.race().await,
            "LIV-015" => self.amend_filled().await,
            "LIV-016" => self.cancel_filled().await,
            "LIV-017" => self.history().await,
            "LIV-018" => self.beyond_means().await,
            "LIV-019" => self.unknown_order().await,
            "LIV-020" => self.unknown_symbol().await,
            "LIV-021" => self.off_the_lot().await,
            "LIV-022" => self.leave().await,
            other => Err(Stop::skip(format!("this program has no step {other}"))),
        }
    }

    pub(super) fn desk(&self) -> Result<&Desk, Stop> {
        self.desk.as_ref().ok_or_else(unreached)
    }

    fn must_trade(&self) -> Result<(), Stop> {
        if !self.gateway.adapter.offers(Capability::Trading) {
            return Err(Stop::skip("the adapter does not export trading"));
        }
        if self.args.api_key.is_none() {
            return Err(Stop::skip(
                "there are no credentials: --api-key and --secret",
            ));
        }
        Ok(())
    }

    async fn market_order(&mut self) -> Looked {
        let desk = self.desk()?;
        if !desk.takes_market() {
            return Err(Stop::skip("the instrument takes no market orders"));
        }
        let order = json!({"type": "market", "quantity": desk.quantity.to_string()});
        let (id, order) = self.place(order).await?;
        self.is_in(&order, &["FILLED"])?;
        self.fills_add_up(&id).await?;
        self.filled = Some(id);
        Ok(2)
    }

    async fn limit_order(&mut self) -> Looked {
        let (id, order) = self.place_limit(self.desk()?.below(90), "gtc").await?;
        self.is_in(&order, &["NEW"])?;
        let found = self.look(&id).await?;
        self.is_in(&found, &["NEW"])?;
        self.is_open(&id, true).await?;
        self.resting = Some(id);
        Ok(3)
    }

    async fn amend_price(&mut self) -> Looked {
        let price = self.desk()?.below(91);
        self.amend("price", price).await
    }

    async fn amend_quantity(&mut self) -> Looked {
        let quantity = self.desk()?.quantity * Decimal::TWO;
        self.amend("quantity", quantity).await
    }

    async fn amend(&mut self, field: &str, value: Decimal) -> Looked {
        self.must_amend()?;
        let id = self
            .resting
            .clone()
            .ok_or_else(|| Stop::skip("no order rests"))?;
        let path = format!("/v1/orders/{id}");
        let change = json!({ field: value.to_string() });
        let answer = self
            .expect(
                Method::PATCH,
                &path,
                Some(change.clone()),
                "an amended order",
            )
            .await?;
        self.settled(&id).await?;
        let after = self.look(&id).await?;
        if decimal(&after[field]) != Some(value) || after["state"] != "NEW" {
            let came_back = format!("{}; then {after}", answer.text);
            return Err(Stop::fail(
                format!("PATCH {path} {change}"),
                came_back,
                "an open order with the new value",
            ));
        }
        Ok(2)
    }

    fn must_amend(&self) -> Result<(), Stop> {
        let rules = self.gateway.venue.rules(&self.desk()?.endpoint);
        if rules.is_some_and(|rules| rules.amend_mode != AmendMode::Unsupported) {
            return Ok(());
        }
        Err(Stop::skip("the endpoint's orders cannot be amended"))
    }

    async fn cancel(&mut self) -> Looked {
        let id = self
            .resting
            .take()
            .ok_or_else(|| Stop::skip("no order rests"))?;
        self.cancelled(&id).await?;
        self.is_open(&id, false).await?;
        Ok(2)
    }

    /// Cancels an order and sees that it is cancelled.
    async fn cancelled(&self, id: &str) -> Result<Value, Stop> {
        let path = format!("/v1/orders/{id}");
        self.expect(Method::DELETE, &path, None, "a cancelled order")
            .await?;
        let order = self.settled(id).await?;
        self.is_in(&order, &["CANCELED"])?;
        Ok(order)
    }

    async fn unfillable(&mut self, time_in_force: &str) -> Looked {
        self.must_take(time_in_force)?;
        let price = self.desk()?.below(90);
        match self.ask_for(price, time_in_force).await? {
            Ok((_, order)) => self.ended_unfilled(&order),
            // Some venues say so by refusing it.
            Err(refusal) if time_in_force == "fok" && refusal.status.is_client_error() => Ok(1),
            Err(refusal) => Err(Stop::fail(
                format!("a {time_in_force} order at {price}"),
                refusal.text,
                "an order that ends without a fill",
            )),
        }
    }

    async fn post_only(&mut self) -> Looked {
        self.must_take("gtx")?;
        let price = self.desk()?.taking();
        match self.ask_for(price, "gtx").await? {
            Ok((_, order)) => self.ended_unfilled(&order),
            Err(refusal) if refusal.status.is_client_error() => Ok(1),
            Err(refusal) => Err(Stop::fail(
                format!("a gtx order at {price}, above the best ask"),
                refusal.text,
                "a refusal, or an order that ends without a fill",
            )),
        }
    }

    fn must_take(&self, time_in_force: &str) -> Result<(), Stop> {
        if self.desk()?.takes(time_in_force) {
            return Ok(());
        }
        Err(Stop::skip(format!(
            "the instrument takes no {time_in_force} orders"
        )))
    }

    fn ended_unfilled(&self, order: &Value) -> Looked {
        self.is_in(order, &["CANCELED", "EXPIRED", "REJECTED"])?;
        if decimal(&order["filled_quantity"]) == Some(Decimal::ZERO) {
            return Ok(1);
        }
        Err(Stop::fail(
            "an order that cannot fill",
            order.to_string(),
            "no fill",
        ))
    }

    /// An order at the best ask for what rests there, and a little more: the rest of it stays.
    async fn partial_fill(&mut self) -> Looked {
        let desk = self.desk()?.clone();
        let path = format!("/v1/orderbook?venue={VENUE}&symbol={}&limit=5", desk.symbol);
        let book = self
            .expect(Method::GET, &path, None, "a book")
            .await?
            .json();
        let best = &book["asks"][0];
        let (price, rests) = (decimal(&best["price"]), decimal(&best["quantity"]));
        let (Some(price), Some(rests)) = (price, rests) else {
            return Err(Stop::skip("the book has no asks"));
        };
        let quantity = desk.on_lot(rests, RoundingStrategy::AwayFromZero) + desk.quantity;
        if !self.can_afford(quantity * price).await? {
            return Err(Stop::skip(format!(
                "the best ask has {rests}, which is more than half of what the account can buy"
            )));
        }
        let body = json!({"type": "limit", "quantity": quantity.to_string(), "price": price.to_string(), "time_in_force": "gtc"});
        let (id, order) = match self.ask_body(body.clone()).await? {
            Ok(placed) => placed,
            Err(refusal) => {
                return Err(Stop::skip(format!(
                    "the venue refuses it: {}",
                    refusal.text
                )));
            }
        };
        if order["state"] == "FILLED" || order["state"] == "NEW" {
            self.clear(&id).await;
            return Err(Stop::skip(format!(
                "the book moved before the order came: it is {}",
                order["state"]
            )));
        }
        self.is_in(&order, &["PARTIALLY_FILLED"])?;
        let filled = decimal(&order["filled_quantity"]);
        if filled.is_none_or(|filled| filled.is_zero() || filled >= quantity) {
            return Err(Stop::fail(
                body.to_string(),
                order.to_string(),
                "some of it filled, and not all",
            ));
        }
        self.partly = Some(id);
        Ok(2)
    }

    /// Whether half of what is free in the quote or settle asset pays for this. Where the gateway cannot say, the
    /// venue does.
    async fn can_afford(&self, cost: Decimal) -> Result<bool, Stop> {
        let desk = self.desk()?;
        if desk.instrument["product"] != "spot" {
            return Ok(true);
        }
        let answer = self
            .call(Method::GET, &format!("/v1/balances?venue={VENUE}"), None)
            .await?;
        let balances = answer.json();
        let mut items = balances["items"].as_array().into_iter().flatten();
        let held = items.find(|one| {
            one["asset"] == desk.instrument["quote"]
                && one["endpoint"] == desk.instrument["endpoint"]
        });
        let free = held.and_then(|held| decimal(&held["free"]));
        Ok(free.is_none_or(|free| cost * Decimal::TWO <= free))
    }

    async fn cancel_partial(&mut self) -> Looked {
        let id = self
            .partly
            .take()
            .ok_or_else(|| Stop::skip("no order is partly filled"))?;
        let before = self.look(&id).await?;
        if before["state"] != "PARTIALLY_FILLED" {
            self.clear(&id).await;
            return Err(Stop::skip(format!(
                "the order went on to {}",
                before["state"]
            )));
        }
        let after = self.cancelled(&id).await?;
        if decimal(&after["filled_quantity"]) < decimal(&before["filled_quantity"]) {
            return Err(Stop::fail(
                format!("DELETE /v1/orders/{id}"),
                after.to_string(),
                "what was filled stays filled",
            ));
        }
        self.fills_add_up(&id).await?;
        Ok(2)
    }

    /// A change that would fill the order, and its cancel, side by side.
    async fn race(&mut self) -> Looked {
        let (id, order) = self.place_limit(self.desk()?.below(90), "gtc").await?;
        self.is_in(&order, &["NEW"])?;
        let path = format!("/v1/orders/{id}");
        let change = json!({ "price": self.desk()?.taking().to_string() });
        let (changed, cancelled) = tokio::join!(
            self.call(Method::PATCH, &path, Some(change.clone())),
            self.call(Method::DELETE, &path, None),
        );
        let (changed, cancelled) = (changed?, cancelled?);
        let sent = format!("PATCH {path} {change} and DELETE {path}");
        let came_back = format!(
            "{} {}; {} {}",
            changed.status, changed.text, cancelled.status, cancelled.text
        );
        if changed.status.is_server_error() || cancelled.status.is_server_error() {
            return Err(Stop::fail(
                sent,
                came_back,
                "one of them done, the other refused or done too",
            ));
        }
        // Where the cancel lost against the change, and the change was refused, the order may rest still.
        self.clear(&id).await;
        let order = self.settled(&id).await?;
        self.is_in(&order, &["CANCELED", "FILLED"])?;
        self.fills_add_up(&id).await?;
        Ok(3)
    }

    /// Asks the gateway, which knows how the order ended, and then the venue behind it.
    async fn amend_filled(&mut self) -> Looked {
        let id = self.filled()?;
        let quantity = (self.desk()?.quantity * Decimal::TWO).to_string();
        let body = json!({ "quantity": quantity });
        let path = format!("/v1/orders/{id}");
        let answer = self.call(Method::PATCH, &path, Some(body)).await?;
        let order = self.look(&id).await?;
        if !answer.status.is_client_error() || order["state"] != "FILLED" {
            let came_back = format!("{} {}; then {order}", answer.status, answer.text);
            let sent = format!("PATCH {path}, which is filled");
            return Err(Stop::fail(
                sent,
                came_back,
                "a refusal, and the order filled as it was",
            ));
        }
        self.must_amend()?;
        self.venue_refuses_amend(&order, quantity).await?;
        Ok(2)
    }

    /// As for the amend. A gateway that is asked to cancel what is filled says how it ended.
    async fn cancel_filled(&mut self) -> Looked {
        let id = self.filled()?;
        let path = format!("/v1/orders/{id}");
        let answer = self.call(Method::DELETE, &path, None).await?;
        let order = self.look(&id).await?;
        if answer.status.is_server_error() || order["state"] != "FILLED" {
            let came_back = format!("{} {}; then {order}", answer.status, answer.text);
            let sent = format!("DELETE {path}, which is filled");
            return Err(Stop::fail(sent, came_back, "the order filled as it was"));
        }
        self.venue_refuses_cancel(&order).await?;
        Ok(2)
    }

    fn filled(&self) -> Result<String, Stop> {
        self.filled
            .clone()
            .ok_or_else(|| Stop::skip("no order was filled"))
    }

    /// Cancels what is open still and looks that nothing is.
    async fn leave(&mut self) -> Looked {
        for id in self.placed.clone() {
            self.clear(&id).await;
            let order = self.settled(&id).await?;
            self.is_in(&order, &FINAL)?;
            self.is_open(&id, false).await?;
        }
        Ok(self.placed.len())
    }
}

fn unreached() -> Stop {
    Stop::skip("the venue was not reached, or lists nothing that fits")
}
