//! Waiting for what happens by itself, without guessing how long it takes.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long anything may take by itself on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);

/// Time between two looks.
const EVERY: Duration = Duration::from_millis(20);

/// Asks until the answer is `Ok`, and ends the test with the last `Err` if it never is.
#[track_caller]
pub fn eventually<T, E, F, A>(what: &str, ask: F) -> impl Future<Output = T>
where
    E: Debug,
    F: FnMut() -> A,
    A: Future<Output = Result<T, E>>,
{
    eventually_within(PATIENCE, what, ask)
}

/// As [`eventually`], with other patience.
pub async fn eventually_within<T, E, F, A>(patience: Duration, what: &str, mut ask: F) -> T
where
    E: Debug,
    F: FnMut() -> A,
    A: Future<Output = Result<T, E>>,
{
    let until = Instant::now() + patience;
    loop {
        match ask().await {
            Ok(found) => return found,
            Err(last) if Instant::now() >= until => {
                panic!("{what}: not within {patience:?}; last seen: {last:?}")
            }
            Err(_) => sleep(EVERY).await,
        }
    }
}
