//! What stands between a gateway and its server when the network fails: a relay that stalls, or that decides what
//! becomes of the next commit.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use switchyard::config::StoreConfig;
use switchyard::secrets::Secrets;
use switchyard::store::{self, Journal};
use switchyard::telemetry::Metrics;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::servers::Server;

/// How a commit that is asked for reads on the wire: a simple query.
const COMMIT: &[u8] = b"COMMIT\0";

/// Time that a server has for a commit.
const DONE_WITHIN: Duration = Duration::from_millis(500);

/// What becomes of the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The server never hears of it, and the connection ends.
    Lost,
    /// The server does it; the connection ends before its answer.
    DoneUnanswered,
    /// It stays on its way: nobody hears anything more, and no connection ends.
    Held,
    /// The same, and the gateway's side of the connection ends.
    HeldAndCut,
}

/// What the relay does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It relays.
    Open,
    /// It keeps what it gets, in both directions.
    Stalled,
    /// It relays until a commit is asked for; afterwards it relays again.
    Commit(Fate),
}

/// A relay before a server.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    met: Arc<Notify>,
}

impl Proxy {
    pub(crate) async fn before(server: &Server) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mode, _) = watch::channel(Mode::Open);
        let met = Arc::new(Notify::new());
        let (to, modes, noted) = (server.0.address(), mode.clone(), met.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (modes, noted) = (modes.clone(), noted.clone());
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(to).await {
                        relay(client, server, modes, noted).await;
                    }
                });
            }
        });
        Self { address, mode, met }
    }

    pub(crate) fn mode(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Ready once a commit was met that had a fate.
    pub(crate) async fn met(&self) {
        self.met.notified().await;
    }

    /// Opens the server's journal through the relay, and waits until it can be written.
    pub(crate) async fn open(&self, server: &Server) -> Arc<Journal> {
        let config = StoreConfig {
            url: server.0.url_at(self.address),
            ..server.config()
        };
        let metrics = Arc::new(Metrics::default());
        let journal = store::open(&config, &Secrets::default(), metrics)
            .await
            .unwrap();
        journal.lease().acquired().await;
        journal
    }
}

async fn relay(client: TcpStream, server: TcpStream, modes: watch::Sender<Mode>, met: Arc<Notify>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let silent = Arc::new(AtomicBool::new(false));
    let answers = answer(from_server, to_client, modes.subscribe(), silent.clone());
    let mut back = tokio::spawn(answers);
    let fate = ask(from_client, to_server, &modes, &silent).await;
    if let Some((fate, server)) = fate {
        met.notify_one();
        match fate {
            Fate::Lost => {}
            Fate::DoneUnanswered => sleep(DONE_WITHIN).await,
            Fate::Held => std::future::pending().await,
            Fate::HeldAndCut => {
                back.abort();
                let _ = (&mut back).await; // the gateway's side is closed
                let _server = server;
                std::future::pending::<()>().await;
            }
        }
    }
    back.abort();
}

/// Passes on what the gateway asks. Gives the fate of a commit and the way to the server where one met its fate.
async fn ask(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    modes: &watch::Sender<Mode>,
    silent: &AtomicBool,
) -> Option<(Fate, OwnedWriteHalf)> {
    let mut now = modes.subscribe();
    let mut bytes = vec![0; 65_536];
    loop {
        let count = from
            .read(&mut bytes)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        let _ = now.wait_for(|mode| *mode != Mode::Stalled).await;
        let said = &bytes[..count];
        let mode = *now.borrow();
        if let Mode::Commit(fate) = mode
            && said.windows(COMMIT.len()).any(|text| text == COMMIT)
        {
            // What is answered from here on is kept from the gateway; its next connection works.
            modes.send_replace(if fate == Fate::Held {
                Mode::Stalled
            } else {
                Mode::Open
            });
            if fate == Fate::DoneUnanswered {
                silent.store(true, Ordering::SeqCst);
                to.write_all(said).await.ok()?;
            }
            return Some((fate, to));
        }
        to.write_all(said).await.ok()?;
    }
}

/// Passes on what the server answers.
async fn answer(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut modes: watch::Receiver<Mode>,
    silent: Arc<AtomicBool>,
) {
    let mut bytes = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let _ = modes.wait_for(|mode| *mode != Mode::Stalled).await;
        if silent.load(Ordering::SeqCst) {
            continue;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
