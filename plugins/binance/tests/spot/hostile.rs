use proptest::prelude::*;
use switchyard_sdk::Trading;
use switchyard_sdk::testing;
use switchyard_sdk::types::{Error, HttpResponse};

use crate::desk::*;

fn decode(responses: &[HttpResponse], state: Option<&[u8]>) -> Vec<Option<Error>> {
    let (desk, all) = (Desk::new(), Desk::everywhere());
    let amends = [smaller(), dearer()];
    decode_everything(
        &desk.cx(),
        &all.cx(),
        &limit_order(),
        &amends,
        responses,
        state,
    )
}

#[test]
fn no_answer_is_too_strange_for_an_error() {
    no_answer_is_taken(1, |responses| decode(responses, None));
}

#[test]
fn a_step_without_answers_or_with_too_many_is_an_error() {
    let many = vec![testing::response(200, "{}"); 3];
    for responses in [&[][..], &many] {
        assert!(decode(responses, None).iter().all(Option::is_some));
    }
}

#[test]
fn a_spoilt_state_is_an_error() {
    let desk = Desk::everywhere();
    for state in [&b""[..], b"{", b"\xff", b"{\"left\":[],\"canceled\":[]}"] {
        decode(&[testing::response(200, "[]")], Some(state));
        assert!(VENUE.encode_cancel_all(&desk.cx(), Some(state)).is_err());
    }
}

proptest! {
    #[test]
    fn nothing_panics_on_any_bytes(status in any::<u16>(), body in proptest::collection::vec(any::<u8>(), 0..200)) {
        decode(&[testing::response(status, body.clone())], None);
        decode(&[testing::response(200, "[]")], Some(&body));
    }

    #[test]
    fn nothing_panics_on_a_documented_answer_cut_or_spoilt(cut in 0_usize..600, at in 0_usize..600, byte in any::<u8>()) {
        let mut body = format!("[{},{}]", order(1, NOW), order(2, NOW)).into_bytes();
        body.truncate(cut.max(1));
        let at = at % body.len();
        body[at] = byte;
        decode(&[testing::response(200, body)], None);
    }
}
