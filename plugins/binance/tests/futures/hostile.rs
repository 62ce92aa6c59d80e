use proptest::prelude::*;
use switchyard_sdk::Trading;
use switchyard_sdk::testing;
use switchyard_sdk::trading::{Cancel, GetOrder};
use switchyard_sdk::types::{Error, HttpResponse};

use crate::desk::*;

fn decode(endpoint: &str, responses: &[HttpResponse], state: Option<&[u8]>) -> Vec<Option<Error>> {
    let (desk, all) = (Desk::on(endpoint), Desk::everywhere(endpoint));
    let (cx, all) = (desk.cx(), all.cx());
    let mut errors = decode_everything(&cx, &all, &limit_order(), &[dearer()], responses, state);
    let order = by_id("algo-1");
    let get = GetOrder {
        order: order.clone(),
    };
    let cancel = Cancel { order };
    errors.push(VENUE.decode_get_order(&cx, &get, state, responses).err());
    errors.push(VENUE.decode_cancel(&cx, &cancel, state, responses).err());
    errors
}

#[test]
fn no_answer_is_too_strange_for_an_error() {
    for (endpoint, _) in BOTH {
        for count in [1, 2] {
            no_answer_is_taken(count, |responses| decode(endpoint, responses, None));
        }
        assert!(decode(endpoint, &[], None).iter().all(Option::is_some));
    }
}

proptest! {
    #[test]
    fn nothing_panics_on_any_bytes(status in any::<u16>(), body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for (endpoint, _) in BOTH {
            decode(endpoint, &[testing::response(status, body.clone())], None);
            decode(endpoint, &[testing::response(200, "[]")], Some(&body));
        }
    }

    #[test]
    fn nothing_panics_on_a_documented_answer_cut_or_spoilt(cut in 0_usize..600, at in 0_usize..600, byte in any::<u8>()) {
        for text in [order("BTCUSDT", 1, NOW), format!("[{}]", algo(1, "NEW", NOW))] {
            let mut body = text.into_bytes();
            body.truncate(cut.max(1));
            let at = at % body.len();
            body[at] = byte;
            decode("usdm", &[testing::response(200, body.clone()), testing::response(200, body)], None);
        }
    }
}
