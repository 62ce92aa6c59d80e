//! The faults, each with the case of the conformance kit that is meant to catch it.

use std::hint::black_box;

/// What a test looks for in the built component, to write another fault's number over the two digits.
pub const MARKER: &str = "switchyard-planted-fault:";

/// Read at run time only, so that what is written over it counts.
static CHOSEN: [u8; 27] = *b"switchyard-planted-fault:00";

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $words:literal, caught by $case:literal;)*) => {
        /// Something that an adapter's author can get wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault {
            $($(#[$doc])* $name = $number,)*
        }

        impl Fault {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its number in the component.
            pub fn number(self) -> u8 {
                self as u8
            }

            /// What it is called in reports.
            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)*
                }
            }

            /// The case that must fail for it.
            pub fn caught_by(self) -> &'static str {
                match self {
                    $(Self::$name => $case,)*
                }
            }
        }
    };
}

faults! {
    /// Prices of answers go through a float.
    FloatPrices = 1, "float prices", caught by "MON-005";
    /// Quantities of orders are rounded to four places.
    WrongRounding = 2, "wrong rounding", caught by "MON-002";
    /// Prices are sent in cents.
    ScaledPrice = 3, "price scaled wrong", caught by "MON-001";
    /// A refusal of an order is reported as an order.
    SwallowedError = 4, "swallowed error", caught by "ERR-001";
    /// An answer that cannot be read is a list of nothing.
    SwallowedAnswer = 5, "unreadable answer taken for an empty list", caught by "ERR-004";
    /// The API key goes into a log line.
    KeyInLog = 6, "API key in a log line", caught by "SEC-001";
    /// The API key goes into an error's text.
    KeyInError = 7, "API key in an error", caught by "SEC-002";
    /// The API key goes into the URL of a request.
    KeyInUrl = 8, "API key in a URL", caught by "SEC-003";
    /// Requests declare no cost.
    MissingCost = 9, "missing cost", caught by "ENC-005";
    /// Panics where the body is empty.
    TrapOnEmptyBody = 10, "trap on an empty body", caught by "ERR-005";
    /// Never returns where a body ends too soon.
    EndlessLoop = 11, "endless loop on a truncated answer", caught by "HOS-001";
    /// Recurses as deep as the answer does.
    DeepRecursion = 12, "stack overflow on deep nesting", caught by "HOS-007";
    /// Every request has another number.
    NonDeterminism = 13, "requests numbered by a counter of its own", caught by "DET-001";
    /// An answer depends on the one before.
    StaleState = 14, "state kept between calls", caught by "DET-001";
    /// Two instruments have one symbol.
    SymbolCollision = 15, "symbol collision", caught by "DEC-009";
    /// Asks for a path that it did not declare.
    UndeclaredCall = 16, "undeclared call", caught by "ENC-002";
    /// Says that an order changes nothing.
    UnmarkedMutation = 17, "mutation not marked", caught by "ENC-006";
    /// Says that a look at an order changes something.
    MutatingRead = 18, "read marked as a mutation", caught by "ENC-006";
    /// Takes every 5xx for a refusal without effect.
    EffectNoneOn5xx = 19, "effect none on a 5xx", caught by "ERR-002";
    /// Takes an unreadable answer to an order for a refusal without effect.
    EffectNoneOnGarbage = 20, "effect none on an unreadable answer", caught by "ERR-007";
    /// A missing number is zero.
    SilentZero = 21, "silent zero for a missing field", caught by "HOS-003";
    /// Client ids are sent in upper case.
    ClientIdChanged = 22, "client id not round-tripped", caught by "ENC-011";
    /// Reports leave the client id out.
    ClientIdForgotten = 23, "client id missing from reports", caught by "DEC-001";
    /// Every call keeps some memory for ever.
    MemoryGrowth = 24, "unbounded memory growth", caught by "RES-003";
    /// Passes on whatever text stands where a number should.
    AcceptsExponent = 25, "exponents and NaN taken for decimals", caught by "HOS-002";
    /// A page that is not the last is given as all there is.
    TruncatedList = 26, "truncated list given as complete", caught by "DEC-001";
    /// Takes `Retry-After` for milliseconds.
    RetryAfterUnit = 27, "Retry-After in the wrong unit", caught by "ERR-003";
    /// Times are given in seconds.
    Seconds = 28, "times in seconds", caught by "DEC-008";
    /// A book's asks have the highest price first.
    UnsortedBook = 29, "book with its worst price first", caught by "DEC-005";
    /// Sends orders unsigned where there is no account.
    Unsigned = 30, "request sent unsigned", caught by "ENC-010";
    /// Sends fill-or-kill as good-till-cancelled.
    WrongTimeInForce = 31, "fill-or-kill sent as good-till-cancelled", caught by "ENC-001";
    /// Puts text into a query as it is.
    Unescaped = 32, "query not percent-encoded", caught by "HOS-013";
    /// Names a bucket that the descriptor does not have.
    UnknownBucket = 33, "cost in an unknown bucket", caught by "ENC-005";
    /// Sends reduce-only orders, which the endpoint does not have, as plain ones.
    IgnoredReduceOnly = 34, "reduce-only ignored", caught by "ENC-012";
    /// Takes the right body with a server error's status for a success.
    IgnoredStatus = 35, "status ignored", caught by "HOS-009";
    /// Declares the call that places orders as one that changes nothing, and says so of its requests.
    OrderDeclaredRead = 36, "order declared a read", caught by "ENC-006";
    /// Sends the first 18 characters of a client id.
    ClientIdCutShort = 37, "client id cut short", caught by "ENC-011";
    /// Sends another client id than the one it looks for.
    ClientIdUnfindable = 38, "client id sent that is not looked for", caught by "ENC-011";
}

impl Fault {
    /// Whether it is switched on.
    #[must_use]
    pub fn is_on(self) -> bool {
        let [.., tens, ones] = black_box(&CHOSEN);
        (tens - b'0') * 10 + (ones - b'0') == self.number()
    }
}
