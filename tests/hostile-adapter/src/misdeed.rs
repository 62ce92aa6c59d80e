//! What each instrument does wrong.

use std::hint::black_box;

use switchyard_sdk::log::Level as LogLevel;
use switchyard_sdk::market::{Level, Ticker};
use switchyard_sdk::request;
use switchyard_sdk::types::{Error, HttpRequest, Method, OrderReport, OrderState, Side};
use switchyard_sdk::{Context, Step};

use crate::snoop;
use crate::venue::ENDPOINT;

/// Lines that a chatty call writes.
const CHATTER: usize = 1_000;

/// Requests that a flooding call makes.
const FLOOD: usize = 1_000;

/// Memory that a hungry call asks for at a time; it never gives any back.
const BITE_BYTES: usize = 16 * 1024 * 1024;

macro_rules! misdeeds {
    ($($(#[$doc:meta])* $name:ident = $base:literal,)*) => {
        /// What an instrument does wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Misdeed {
            $($(#[$doc])* $name,)*
        }

        impl Misdeed {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The base asset of its instrument.
            pub fn base(self) -> &'static str {
                match self {
                    $(Self::$name => $base,)*
                }
            }
        }
    };
}

misdeeds! {
    /// Nothing.
    Honest = "HONEST",
    /// Never returns.
    Loop = "LOOP",
    /// Eats memory.
    Hungry = "HUNGRY",
    /// Panics.
    Trap = "TRAP",
    /// Recurses for ever.
    Stack = "STACK",
    /// Returns words where decimals belong.
    Nonsense = "NONSENSE",
    /// Returns floats in scientific notation.
    Floats = "FLOATS",
    /// Reports more filled than was ordered, and a book whose levels are out of order.
    Lies = "LIES",
    /// Returns a book whose bid is above its ask.
    Crossed = "CROSSED",
    /// Reports the fill of an order that is larger than the one it was given.
    Inflated = "INFLATED",
    /// Reports another client's order, and the ticker of another instrument.
    Forged = "FORGED",
    /// Writes a thousand log lines.
    Chatty = "CHATTY",
    /// Asks for another step for ever.
    Endless = "ENDLESS",
    /// Makes a thousand requests in one step.
    Flood = "FLOOD",
    /// Changes something while it is asked to read.
    Meddler = "MEDDLER",
    /// Says of its order that it changes nothing, and cannot read the answer.
    Sneaky = "SNEAKY",
    /// Searches its memory for what the venue whispers, and logs all it was told.
    Snoop = "SNOOP",
    /// Requests a path it did not declare.
    EscapePath = "ESCAPEPATH",
    /// Requests an absolute URL.
    EscapeUrl = "ESCAPEURL",
    /// Requests `//host/path`.
    EscapeHost = "ESCAPEHOST",
    /// Requests `@host/path`, to make the origin a user name.
    EscapeUser = "ESCAPEUSER",
    /// Climbs out of a declared path with dot segments.
    EscapeDots = "ESCAPEDOTS",
    /// Names an endpoint it did not declare.
    EscapeAlias = "ESCAPEALIAS",
    /// Sets the host header.
    EscapeHeader = "ESCAPEHEADER",
    /// Splits its request with a line break in a header.
    EscapeInjection = "ESCAPEINJECTION",
    /// Splits its request with a line break in the path.
    EscapeSplit = "ESCAPESPLIT",
}

impl Misdeed {
    /// The misdeed of the context's instrument.
    pub(crate) fn of(cx: &Context<'_>) -> Result<Self, Error> {
        let base = cx.instrument()?.base.as_str();
        Self::ALL
            .iter()
            .copied()
            .find(|misdeed| misdeed.base() == base)
            .ok_or_else(|| Error::invalid("symbol", "not an instrument of this venue"))
    }

    /// Does at once what needs neither input nor output.
    pub(crate) fn commit(self) {
        match self {
            Self::Loop => {
                let mut turns = 0_u64;
                loop {
                    turns = black_box(turns.wrapping_add(1));
                }
            }
            Self::Hungry => loop {
                std::mem::forget(black_box(Vec::<u8>::with_capacity(BITE_BYTES)));
            },
            Self::Trap | Self::Sneaky => std::process::abort(),
            Self::Stack => {
                black_box(fall(black_box(1)));
            }
            _ => {}
        }
    }

    /// The requests for a ticker. The second step of an escape knows where to: the venue said so.
    pub(crate) fn spoil_encode(
        self,
        cx: &Context<'_>,
        honest: HttpRequest,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        self.commit();
        let escape = |path: String| Ok(vec![request::get(ENDPOINT, path)]);
        let elsewhere = state.map(String::from_utf8_lossy).unwrap_or_default();
        match self {
            Self::Chatty => {
                for line in 0..CHATTER {
                    cx.log(
                        LogLevel::Error,
                        &format!("chatter {line} {}", "x".repeat(2_000)),
                    );
                }
                Ok(vec![honest])
            }
            Self::Flood => Ok(vec![honest; FLOOD]),
            Self::Meddler => Ok(vec![request::request(
                Method::Post,
                ENDPOINT,
                "/order?symbol=MEDDLER&id=meddler&side=buy&quantity=1&price=1",
            )]),
            // Each escape first makes an honest request, to learn where the test's other server is.
            _ if state.is_none() => Ok(vec![honest]),
            Self::EscapePath => escape("/secret".to_owned()),
            Self::EscapeUrl => escape(format!("http://{elsewhere}/ticker")),
            Self::EscapeHost => escape(format!("//{elsewhere}/ticker")),
            Self::EscapeUser => escape(format!("@{elsewhere}/ticker")),
            Self::EscapeDots => escape("/ticker/../secret".to_owned()),
            Self::EscapeAlias => Ok(vec![request::get("elsewhere", "/ticker")]),
            Self::EscapeHeader => Ok(vec![honest.header("Host", &elsewhere)]),
            Self::EscapeInjection => {
                Ok(vec![honest.header(
                    "X-Note",
                    "a\r\n\r\nGET /secret HTTP/1.1\r\nHost: a\r\n\r\n",
                )])
            }
            Self::EscapeSplit => {
                escape("/ticker HTTP/1.1\r\nHost: a\r\n\r\nGET /secret".to_owned())
            }
            _ => Ok(vec![honest]),
        }
    }

    /// The ticker, or another step.
    pub(crate) fn spoil_ticker(
        self,
        cx: &Context<'_>,
        mut ticker: Ticker,
        body: &str,
        state: Option<&[u8]>,
    ) -> Result<Step<Ticker>, Error> {
        match self {
            Self::Nonsense => ticker.last = Some("plenty".to_owned()),
            Self::Floats => ticker.last = Some("6.0000001e4".to_owned()),
            Self::Lies => ticker.symbol = "HONEST/USDT\u{0}".to_owned(),
            Self::Forged => ticker.symbol = "HONEST/USDT".to_owned(),
            Self::Endless => return Ok(Step::Continue(b"more".to_vec())),
            Self::Snoop => snoop::snoop(cx, &mut ticker, body),
            _ if self.base().starts_with("ESCAPE") && state.is_none() => {
                let elsewhere = body.split(' ').nth(1).unwrap_or("127.0.0.1:9");
                return Ok(Step::Continue(elsewhere.as_bytes().to_vec()));
            }
            _ => {}
        }
        Ok(Step::Done(ticker))
    }

    /// Bids and asks.
    pub(crate) fn book(self) -> (Vec<Level>, Vec<Level>) {
        let levels = |prices: [&str; 2]| {
            prices
                .iter()
                .map(|price| Level {
                    price: (*price).to_owned(),
                    quantity: "1".to_owned(),
                })
                .collect()
        };
        match self {
            Self::Nonsense => (levels(["100", "many"]), levels(["101", "102"])),
            Self::Floats => (levels(["1e2", "99"]), levels(["101", "102"])),
            Self::Lies => (levels(["99", "100"]), levels(["101", "102"])),
            Self::Crossed => (levels(["103", "100"]), levels(["101", "102"])),
            _ => (levels(["100", "99"]), levels(["101", "102"])),
        }
    }

    /// The report of a placement.
    pub(crate) fn spoil_report(self, mut report: OrderReport) -> OrderReport {
        match self {
            Self::Lies => report.filled_quantity = "1000000".to_owned(),
            Self::Inflated => {
                report.quantity = Some("1000000".to_owned());
                report.filled_quantity = "1000000".to_owned();
                report.state = OrderState::Filled;
            }
            Self::Forged => {
                report.symbol = "HONEST/USDT".to_owned();
                report.client_id = Some("someoneelse".to_owned());
                report.side = Side::Sell;
            }
            Self::Nonsense => report.filled_quantity = "some".to_owned(),
            Self::Floats => report.filled_quantity = "1e-3".to_owned(),
            _ => {}
        }
        report
    }
}

#[inline(never)]
#[allow(unconditional_recursion)]
fn fall(depth: u64) -> u64 {
    let pad = black_box([depth; 8]);
    black_box(fall(depth + 1)) + pad[0]
}
