//! Listens, serves with a time limit on every stage and a bound on everything that callers may hold, and stops when
//! told to.

mod admission;
mod stalls;
mod tls;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use self::admission::{Admission, Admitted};
use self::stalls::Stalls;
pub use self::tls::Tls;
use super::access::Peer;
use crate::config::ServerConfig;
use crate::reliability::Detached;
use crate::telemetry::Metrics;

/// How long nothing is accepted after the process ran out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a connection gets that is one too many, where there is no encryption to set up first.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Why the API is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("server.listen: cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// What connections are encrypted with cannot be used.
    #[error("server.tls.{key}: {problem}")]
    Tls {
        /// `certificate` or `key`.
        key: &'static str,
        /// Why.
        problem: String,
    },
}

/// Takes an address to listen on.
///
/// # Errors
/// [`ServeError::Listen`], for example where the port is in use.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })
}

/// How connections are served.
#[derive(Debug)]
pub struct Serving {
    /// Limits and times.
    pub config: Arc<ServerConfig>,
    /// What connections are encrypted with; absent: they are not.
    pub tls: Option<Arc<Tls>>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// What is done for requests whether or not their callers wait.
    pub detached: Detached,
}

/// Serves until `stop` is ready, then lets requests in flight finish, those too whose callers have gone.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    serving: Serving,
    stop: impl Future<Output = ()> + Send,
) {
    let admission = Admission::new(&serving.config, serving.metrics.clone());
    let drain = serving.config.drain_timeout();
    let watching = serving.tls.clone().map(|tls| tokio::spawn(tls.follow()));
    let server = Arc::new(Server {
        http: http(&serving.config),
        service: TowerToHyperService::new(router),
        serving,
    });
    let connections = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => match admission.admit(peer.ip()) {
                    Some(admitted) => {
                        let connection = server.clone().connection(stream, peer, connections.watcher(), admitted);
                        tokio::spawn(connection);
                    }
                    None if server.serving.tls.is_none() => drop(stream.try_write(FULL)),
                    None => {}
                },
                Err(error) => {
                    // A connection that is gone already is nobody's loss; anything else will come again at once.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    if let Some(watching) = watching {
        watching.abort();
    }
    let drained = async {
        connections.shutdown().await;
        // What a venue answers to an order is journaled, though nobody is there to be told.
        server.serving.detached.ended().await;
    };
    if tokio::time::timeout(drain, drained).await.is_err() {
        tracing::warn!("requests were still in flight when the gateway stopped");
    }
}

/// Keeps connections open between requests; a head that takes too long, or is too large, ends one.
fn http(config: &ServerConfig) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(config.head_timeout())
        .max_buf_size(config.max_head_bytes);
    http
}

/// What all connections share.
struct Server {
    http: http1::Builder,
    service: TowerToHyperService<Router>,
    serving: Serving,
}

impl Server {
    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        watcher: Watcher,
        _admitted: Admitted,
    ) {
        // Answers are small and wanted at once.
        let _ = stream.set_nodelay(true);
        match &self.serving.tls {
            None => self.exchange(stream, peer, watcher).await,
            Some(tls) => {
                let within = self.serving.config.head_timeout();
                match tokio::time::timeout(within, tls.accept(stream)).await {
                    Ok(Ok(stream)) => self.exchange(stream, peer, watcher).await,
                    Ok(Err(error)) => tracing::debug!(%error, "no encrypted connection came about"),
                    Err(_) => tracing::debug!("no encrypted connection came about in time"),
                }
            }
        }
    }

    async fn exchange<S>(&self, stream: S, peer: SocketAddr, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = Stalls::new(stream, self.serving.config.write_timeout());
        let service = OfPeer {
            inner: self.service.clone(),
            peer: Peer(peer),
        };
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, "connection ended");
        }
    }
}

/// Tells the API where a request comes from.
struct OfPeer {
    inner: TowerToHyperService<Router>,
    peer: Peer,
}

impl Service<Request<Incoming>> for OfPeer {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.inner.call(request)
    }
}
