//! Starting, stopping and restarting a simulated venue inside the caller's runtime.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{Credentials, SimConfig};
use crate::control::Control;
use crate::server::{Venue, serve};

/// Why a venue could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A public key in the configuration cannot be read.
    #[error("account {account}: {reason}")]
    Key {
        /// Whose key.
        account: String,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Debug)]
struct Running {
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

/// A simulated venue. Dropping it stops it.
#[derive(Debug)]
pub struct VenueSim {
    address: Mutex<SocketAddr>,
    credentials: Credentials,
    venue: Arc<Venue>,
    control: Control,
    running: Mutex<Option<Running>>,
    market: Option<JoinHandle<()>>,
}

impl VenueSim {
    /// Starts a venue.
    ///
    /// # Errors
    /// [`StartError`] when the address cannot be bound or a configured key cannot be read.
    pub async fn start(config: SimConfig) -> Result<Self, StartError> {
        let address = config.listen;
        let credentials = config.credentials.clone();
        let interval = config.market_interval_ms;
        let venue = Arc::new(Venue::new(config)?);
        let control = Control::new(Arc::clone(&venue));
        let market = interval.map(|ms| {
            let control = control.clone();
            tokio::spawn(async move {
                let mut ticks = tokio::time::interval(Duration::from_millis(ms.max(1)));
                loop {
                    ticks.tick().await;
                    control.market_tick();
                }
            })
        });
        let sim = Self {
            address: Mutex::new(address),
            credentials,
            venue,
            control,
            running: Mutex::new(None),
            market,
        };
        sim.start_on(address).await?;
        Ok(sim)
    }

    /// `http://ADDRESS:PORT` without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Where the venue listens, or listened last.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        *lock(&self.address)
    }

    /// Key and secret of the default account.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The handle on the venue's insides.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Takes the venue off the network: the port closes and every connection is cut. Orders, balances and
    /// requests already received stay, and the latter still execute.
    pub async fn shutdown(&self) {
        let running = lock(&self.running).take();
        if let Some(running) = running {
            let _ = running.stop.send(true);
            let _ = running.server.await;
        }
    }

    /// Brings the venue back on the port it had, with the state it had.
    ///
    /// # Errors
    /// [`StartError::Listen`] when the port has been taken meanwhile.
    pub async fn restart(&self) -> Result<(), StartError> {
        self.start_on(self.address()).await
    }

    /// Brings the venue up on an address, off any it was on, with the state it had.
    ///
    /// # Errors
    /// [`StartError::Listen`] when the address cannot be bound.
    pub async fn start_on(&self, address: SocketAddr) -> Result<(), StartError> {
        self.shutdown().await;
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, bound) = bound
            .await
            .map_err(|source| StartError::Listen { address, source })?;
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(serve(
            listener,
            Arc::clone(&self.venue),
            self.control.clone(),
            stopped,
        ));
        *lock(&self.address) = bound;
        *lock(&self.running) = Some(Running { stop, server });
        Ok(())
    }
}

impl Drop for VenueSim {
    fn drop(&mut self) {
        if let Some(running) = lock(&self.running).take() {
            let _ = running.stop.send(true);
            running.server.abort();
        }
        if let Some(market) = &self.market {
            market.abort();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
