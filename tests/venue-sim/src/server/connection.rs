//! HTTP/1.1 connections, down to cutting them in the middle of an answer.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep};

use super::{Answer, Dispatched, RawRequest, Venue, dispatch::dispatch};
use crate::control::{self, Control};

/// The largest body read; no venue here takes more.
const MAX_BODY: usize = 1024 * 1024;
/// Time for the first part of a truncated body to leave before the connection closes.
const TRUNCATION_PAUSE: Duration = Duration::from_millis(20);
/// Pause after a failed accept, so that a lack of file descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why a connection was ended on purpose.
#[derive(Debug, Clone, Copy, thiserror::Error)]
enum Cut {
    #[error("connection closed without an answer")]
    BeforeAnswer,
    #[error("connection closed within the body")]
    WithinBody,
    #[error("request body could not be read")]
    Unreadable,
}

/// Serves a venue until told to stop; then every connection is cut.
pub async fn serve(
    listener: TcpListener,
    venue: Arc<Venue>,
    control: Control,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer.ip(), Arc::clone(&venue), control.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, peer: IpAddr, venue: Arc<Venue>, control: Control) {
    let _ = stream.set_nodelay(true);
    let service =
        service_fn(move |request| answer(request, peer, Arc::clone(&venue), control.clone()));
    // Idle connections stay: one that a client keeps in its pool must not end in the middle of a test.
    let served = http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended");
    }
}

async fn answer(
    request: Request<Incoming>,
    peer: IpAddr,
    venue: Arc<Venue>,
    control: Control,
) -> Result<Response<Payload>, Cut> {
    let (head, body) = request.into_parts();
    let body = read(body).await?;
    let request = RawRequest {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
        peer,
        arrived: venue.shared.clock.now(),
    };
    if request.path.starts_with(control::PREFIX) {
        return Ok(response(
            control::handle(&control, &request),
            Payload::whole,
        ));
    }
    // A venue executes what it has received even if the client goes away, so this runs on its own.
    let dispatched = tokio::spawn(dispatch(venue, request))
        .await
        .unwrap_or(Dispatched::Close);
    match dispatched {
        Dispatched::Send(answer) => Ok(response(answer, Payload::whole)),
        Dispatched::SendTruncated(answer) => Ok(response(answer, Payload::truncated)),
        Dispatched::Close => Err(Cut::BeforeAnswer),
    }
}

fn response(answer: Answer, payload: impl FnOnce(Vec<u8>) -> Payload) -> Response<Payload> {
    let mut response = Response::new(payload(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert("server", HeaderValue::from_static("nginx"));
    for (name, value) in answer.headers {
        response.headers_mut().append(name, value);
    }
    response
}

async fn read(mut body: Incoming) -> Result<Vec<u8>, Cut> {
    let mut whole = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| Cut::Unreadable)?;
        if let Some(data) = frame.data_ref() {
            if whole.len() + data.len() > MAX_BODY {
                return Err(Cut::Unreadable);
            }
            whole.extend_from_slice(data);
        }
    }
    Ok(whole)
}

/// A body that may end before its declared length.
enum Payload {
    Whole(Option<Bytes>),
    Truncated {
        declared: u64,
        part: Option<Bytes>,
        pause: Pin<Box<Sleep>>,
    },
}

impl Payload {
    fn whole(body: Vec<u8>) -> Self {
        Self::Whole(Some(Bytes::from(body)))
    }

    fn truncated(body: Vec<u8>) -> Self {
        let declared = body.len() as u64;
        let mut part = Bytes::from(body);
        part.truncate(part.len() / 2);
        Self::Truncated {
            declared,
            part: Some(part),
            pause: Box::pin(sleep(TRUNCATION_PAUSE)),
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Whole(data) => Poll::Ready(data.take().map(|data| Ok(Frame::data(data)))),
            Self::Truncated { part, pause, .. } => match part.take() {
                Some(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
                None => pause.as_mut().poll(cx).map(|()| Some(Err(Cut::WithinBody))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        let length = match self {
            Self::Whole(data) => data.as_ref().map_or(0, Bytes::len) as u64,
            Self::Truncated { declared, .. } => *declared,
        };
        SizeHint::with_exact(length)
    }
}
