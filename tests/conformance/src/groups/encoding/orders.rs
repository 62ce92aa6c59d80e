//! What becomes of an order that an endpoint does not claim.

use switchyard_runtime::wit::descriptor::AmendMode;

use super::{about, is_encode_error, line};
use crate::case::{Checks, Verdict};
use crate::stage;
use crate::subject::{Subject, json};

pub(super) fn not_claimed(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for setting in subject.settings() {
        for instrument in setting.instruments.iter().take(1) {
            let mut scenes = Vec::new();
            if !setting.rules.reduce_only {
                let mut order = setting.limit_order(instrument);
                order.reduce_only = true;
                scenes.push(setting.scene("place", Some(instrument), &order));
            }
            if setting.rules.amend_mode == AmendMode::Unsupported {
                let mut change = setting.change(instrument);
                change.price = Some("49999".to_owned());
                scenes.push(setting.scene("amend", Some(instrument), &change));
            }
            for scene in scenes.into_iter().flatten() {
                let outcome = stage::encode(subject.adapter(), &scene).outcome;
                let is_refused =
                    matches!(&outcome, Ok(Err(error)) if is_encode_error(&scene, error));
                checks.expect(is_refused, || {
                    let came_back = match &outcome {
                        Ok(Ok(requests)) => {
                            requests.iter().map(line).collect::<Vec<_>>().join(", ")
                        }
                        Ok(Err(error)) => format!("the error {}", json(error)),
                        Err(error) => error.to_string(),
                    };
                    about(
                        &scene,
                        came_back,
                        "a refusal, since the endpoint's rules do not claim it",
                    )
                });
            }
        }
    }
    checks.verdict("every endpoint claims all that can be asked")
}
