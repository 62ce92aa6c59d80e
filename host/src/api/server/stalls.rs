//! A connection whose other end must take what it is sent in time.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Fails with `TimedOut` where everything that was written is not taken within a time of the first moment that it had
/// to wait. Bytes that trickle do not buy more time.
#[derive(Debug)]
pub(super) struct Stalls<S> {
    inner: S,
    within: Duration,
    until: Option<Pin<Box<Sleep>>>,
}

impl<S> Stalls<S> {
    pub(super) fn new(inner: S, within: Duration) -> Self {
        Self {
            inner,
            within,
            until: None,
        }
    }

    /// What a write that must wait comes to.
    fn waiting<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let within = self.within;
        let until = self
            .until
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + within)));
        ready!(until.as_mut().poll(context));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }

    fn flushed(
        &mut self,
        context: &mut Context<'_>,
        flushed: Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        if flushed.is_pending() {
            return self.waiting(context);
        }
        self.until = None;
        flushed
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalls<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalls<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_write(context, bytes) {
            Poll::Pending => self.waiting(context),
            written => written,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_write_vectored(context, bytes) {
            Poll::Pending => self.waiting(context),
            written => written,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        self.flushed(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.inner).poll_shutdown(context);
        self.flushed(context, closed)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn who_reads_nothing_is_given_up() {
        let (ours, _theirs) = duplex(10);
        let mut ours = Stalls::new(ours, 30 * SECOND);
        let began = Instant::now();
        let error = ours.write_all(&[0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(began.elapsed(), 30 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_a_byte_now_and_then_is_given_up_too() {
        let (ours, mut theirs) = duplex(10);
        let mut ours = Stalls::new(ours, 30 * SECOND);
        let trickle = tokio::spawn(async move {
            loop {
                tokio::time::sleep(SECOND).await;
                if theirs.read_u8().await.is_err() {
                    return;
                }
            }
        });
        let error = ours.write_all(&[0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        trickle.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn each_answer_has_its_own_time() {
        let (ours, mut theirs) = duplex(10);
        let mut ours = Stalls::new(ours, 30 * SECOND);
        let reader = tokio::spawn(async move {
            let mut taken = [0; 15];
            for _ in 0..5 {
                tokio::time::sleep(20 * SECOND).await;
                theirs.read_exact(&mut taken).await.unwrap();
            }
        });
        for _ in 0..5 {
            ours.write_all(&[0; 15]).await.unwrap();
            ours.flush().await.unwrap();
        }
        reader.await.unwrap();
    }
}
