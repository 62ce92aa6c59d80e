//! Steps that only look: the market, the account and the venue's history.

use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::Value;
use switchyard_runtime::Capability;

use super::Stop;
use super::desk::{Desk, decimal, ticker};
use super::life::{Life, Looked};
use super::private::VENUE;

impl Life<'_> {
    pub(super) async fn reach(&mut self) -> Looked {
        let ready = self.gateway.api.wait_until_ready().await;
        let desk = Desk::open(&self.gateway.api, self.args.symbol.as_deref()).await?;
        ready.map_err(|error| {
            Stop::fail(
                "GET /health/ready",
                error.to_string(),
                "a venue whose clock and orders can be read",
            )
        })?;
        self.desk = Some(desk);
        Ok(1)
    }

    pub(super) async fn market(&mut self) -> Looked {
        let symbol = &self.desk()?.symbol;
        let ticker = ticker(&self.gateway.api, symbol).await?;
        let path = format!("/v1/orderbook?venue={VENUE}&symbol={symbol}&limit=5");
        let answer = self.call(Method::GET, &path, None).await?;
        let book = answer.json();
        let prices = |side: &str| -> Vec<Decimal> {
            let levels = book[side].as_array().into_iter().flatten();
            levels
                .filter_map(|level| decimal(&level["price"]))
                .collect()
        };
        let (bids, asks) = (prices("bids"), prices("asks"));
        let apart = match (bids.first(), asks.first()) {
            (Some(bid), Some(ask)) => bid < ask,
            _ => false,
        };
        let is_right = apart && bids.is_sorted_by(|a, b| a > b) && asks.is_sorted_by(|a, b| a < b);
        let crossed = decimal(&ticker["bid"]) >= decimal(&ticker["ask"]);
        if is_right && !crossed {
            return Ok(2);
        }
        Err(Stop::fail(
            path,
            format!("{}; ticker {ticker}", answer.text),
            "bids below asks, best first",
        ))
    }

    pub(super) async fn balances(&mut self) -> Looked {
        if !self.gateway.adapter.offers(Capability::Account) {
            return Err(Stop::skip("the adapter does not export account"));
        }
        let path = format!("/v1/balances?venue={VENUE}");
        let answer = self
            .expect(Method::GET, &path, None, "the account's balances")
            .await?;
        let items = answer.json()["items"].as_array().map_or(0, Vec::len);
        if items == 0 {
            return Err(Stop::fail(
                path,
                answer.text,
                "an account that holds something",
            ));
        }
        Ok(items)
    }

    pub(super) async fn history(&mut self) -> Looked {
        let symbol = &self.desk()?.symbol;
        if self.placed.is_empty() {
            return Err(Stop::skip("no order was placed"));
        }
        let path = format!("/v1/orders?source=venue&venue={VENUE}&symbol={symbol}&limit=100");
        let answer = self
            .expect(Method::GET, &path, None, "the venue's orders")
            .await?;
        let listed = answer.json();
        let items: Vec<&Value> = listed["items"].as_array().into_iter().flatten().collect();
        let mut looked_at = 0;
        for id in &self.placed {
            let order = self.look(id).await?;
            // What a venue forgets of orders that never filled is its own business; the horizon says so.
            let must_be_there = decimal(&order["filled_quantity"]) > Some(Decimal::ZERO);
            let Some(found) = items.iter().find(|item| item["id"] == order["id"]) else {
                if must_be_there {
                    return Err(Stop::fail(
                        path,
                        answer.text,
                        &format!("the order {id} among them"),
                    ));
                }
                continue;
            };
            looked_at += 1;
            let alike = found["state"] == order["state"]
                && decimal(&found["filled_quantity"]) == decimal(&order["filled_quantity"]);
            if !alike {
                return Err(Stop::fail(
                    path,
                    found.to_string(),
                    &format!("as its lookup has it: {order}"),
                ));
            }
        }
        Ok(looked_at)
    }
}
