//! Whether instruments can be told apart, and are named as what they are.

use switchyard_runtime::wit::market::Listing;
use switchyard_runtime::wit::types::{Instrument, Product};

use super::{NO_RESULTS, about, typed};
use crate::case::{Checks, Verdict};
use crate::subject::Subject;

pub(super) fn unique_symbols(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, listing) in typed::<Listing>(subject, "list-instruments") {
        let listed: Vec<&Instrument> = listing
            .instruments
            .iter()
            .map(|listed| &listed.instrument)
            .collect();
        for (at, instrument) in listed.iter().enumerate() {
            let same = listed[..at].iter().find(|other| {
                other.symbol == instrument.symbol
                    || (&other.endpoint, &other.venue_symbol)
                        == (&instrument.endpoint, &instrument.venue_symbol)
            });
            checks.expect(same.is_none(), || {
                let other = same
                    .map(|other| format!("{} ({})", other.symbol, other.venue_symbol))
                    .unwrap_or_default();
                let text = format!(
                    "{} ({}) beside {other}",
                    instrument.symbol, instrument.venue_symbol
                );
                about(
                    scene,
                    text,
                    "a symbol of its own, and a venue symbol of its own on the endpoint",
                )
            });
        }
    }
    checks.verdict(NO_RESULTS)
}

pub(super) fn symbols(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, listing) in typed::<Listing>(subject, "list-instruments") {
        for listed in &listing.instruments {
            let instrument = &listed.instrument;
            let expected = symbol_of(instrument);
            let delivers = matches!(
                instrument.product,
                Product::UsdMDelivery | Product::UsdCDelivery
            );
            let fits = instrument.symbol == expected && delivers == instrument.expiry.is_some();
            checks.expect(fits, || {
                let text = format!(
                    "{} of product {:?}, expiry {:?}",
                    instrument.symbol, instrument.product, instrument.expiry
                );
                about(
                    scene,
                    text,
                    &format!("{expected}, with an expiry where it delivers"),
                )
            });
        }
    }
    checks.verdict(NO_RESULTS)
}

/// The unified symbol that an instrument's parts make.
fn symbol_of(instrument: &Instrument) -> String {
    let Instrument {
        base,
        quote,
        settle,
        product,
        expiry,
        ..
    } = instrument;
    if *product == Product::Spot {
        return format!("{base}/{quote}");
    }
    match expiry {
        Some(expiry) => format!("{base}/{quote}:{settle}-{}", yymmdd(*expiry)),
        None => format!("{base}/{quote}:{settle}"),
    }
}

/// The day of a time, as unified symbols have it (civil calendar from a day count, after H. Hinnant's
/// `civil_from_days`).
fn yymmdd(time: u64) -> String {
    let days = time / 86_400_000 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{:02}{month:02}{day:02}", year % 100)
}

#[cfg(test)]
mod tests {
    use super::yymmdd;

    #[test]
    fn a_delivery_is_named_by_its_day() {
        for (time, day) in [
            (0, "700101"),
            (951_782_400_000, "000229"),
            (1_798_185_600_000, "261225"),
            (1_924_588_800_000, "301227"),
            (1_709_251_199_999, "240229"),
        ] {
            assert_eq!(yymmdd(time), day);
        }
    }
}
