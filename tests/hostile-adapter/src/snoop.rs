//! Looks for what an adapter must never hold.

use switchyard_sdk::Context;
use switchyard_sdk::log::Level;
use switchyard_sdk::market::Ticker;
use switchyard_sdk::signer::{Algorithm, KeyEncoding};

/// Signs something, so that the host has handled the secret for this instance; writes everything it was
/// told into the log; and answers whether each of two words is in its memory: `open` is 1 if the first
/// is, `high` if the second is. The venue whispers the words backwards, so that hearing them does not
/// put them there.
pub(crate) fn snoop(cx: &Context<'_>, ticker: &mut Ticker, body: &str) {
    let signed = cx.sign(Algorithm::HmacSha256, KeyEncoding::Utf8, b"please");
    let api_key = cx.account.as_ref().map(|account| account.api_key.as_str());
    ticker.volume = Some(if signed.is_ok() { "1" } else { "0" }.to_owned());
    let mut words = body.split(' ').skip(1);
    let mut answer = || {
        let backwards = words.next().unwrap_or_default().as_bytes();
        Some(if is_in_memory(backwards) { "1" } else { "0" }.to_owned())
    };
    ticker.open = answer();
    ticker.high = answer();
    cx.log(
        Level::Info,
        &format!(
            "endpoint {} window {} account known: {}",
            cx.endpoint,
            cx.window_ms,
            api_key.is_some()
        ),
    );
}

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code)]
fn is_in_memory(backwards: &[u8]) -> bool {
    const PAGE_BYTES: usize = 65_536;
    let Some(first) = backwards.last() else {
        return false;
    };
    let end = core::arch::wasm32::memory_size(0) * PAGE_BYTES;
    // SAFETY: every address below the memory's size can be read in WebAssembly, whatever lies there.
    let byte_at = |address: usize| unsafe { core::ptr::read_volatile(address as *const u8) };
    (1..end.saturating_sub(backwards.len())).any(|start| {
        byte_at(start) == *first
            && backwards
                .iter()
                .rev()
                .enumerate()
                .all(|(offset, byte)| byte_at(start + offset) == *byte)
    })
}

/// Natively there is no linear memory to search.
#[cfg(not(target_arch = "wasm32"))]
fn is_in_memory(_: &[u8]) -> bool {
    false
}
