//! Encrypted connections (TLS 1.2 and 1.3). Certificate and key are read again when their files change.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::zeroize::Zeroizing;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::ServeError;
use crate::config::TlsConfig;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What is spoken over the connection.
const HTTP_1_1: &[u8] = b"http/1.1";

/// What connections are encrypted with.
pub struct Tls {
    files: TlsConfig,
    current: RwLock<Current>,
}

#[derive(Clone)]
struct Current {
    read: Files,
    config: Arc<rustls::ServerConfig>,
}

/// The files as they were read.
#[derive(Clone, PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// [`ServeError::Tls`], naming the key of the configuration.
    pub fn load(files: &TlsConfig) -> Result<Self, ServeError> {
        let read = Files::read(files)?;
        let config = read.config()?;
        Ok(Self {
            files: files.clone(),
            current: RwLock::new(Current { read, config }),
        })
    }

    fn current(&self) -> Current {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets up encryption on a connection.
    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.current().config)
            .accept(stream)
            .await
    }

    /// Takes in new files, for connections that come later. What cannot be used is logged, and changes nothing.
    pub(super) async fn follow(self: Arc<Self>) {
        let mut refused = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let files = self.files.clone();
            // A file on a network may make its reader wait.
            let read = tokio::task::spawn_blocking(move || Files::read(&files)).await;
            let Ok(read) = read else { continue };
            let changed = match read {
                Ok(read) if read == self.current().read => {
                    refused = None;
                    continue;
                }
                Ok(read) => read.config().map(|config| Current { read, config }),
                Err(error) => Err(error),
            };
            match changed {
                Ok(current) => {
                    refused = None;
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
                    tracing::info!(certificate = %self.files.certificate.display(), "a new certificate is used");
                }
                Err(error) => {
                    let problem = error.to_string();
                    if refused.as_ref() != Some(&problem) {
                        tracing::error!(
                            problem,
                            "the new certificate or key cannot be used; the old ones are"
                        );
                    }
                    refused = Some(problem);
                }
            }
        }
    }
}

impl Files {
    fn read(files: &TlsConfig) -> Result<Self, ServeError> {
        Ok(Self {
            certificate: read("certificate", &files.certificate)?,
            key: Zeroizing::new(read("key", &files.key)?),
        })
    }

    fn config(&self) -> Result<Arc<rustls::ServerConfig>, ServeError> {
        let wrong = |key, problem: &dyn std::fmt::Display| ServeError::Tls {
            key,
            problem: problem.to_string(),
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|error| wrong("certificate", &format!("{error:?}")))?;
        if chain.is_empty() {
            return Err(wrong("certificate", &"holds no certificate in PEM"));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| wrong("key", &"holds no private key in PEM"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| wrong("key", &error))?;
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(Arc::new(config))
    }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, ServeError> {
    std::fs::read(path).map_err(|error| ServeError::Tls {
        key,
        problem: format!("cannot read {}: {error}", path.display()),
    })
}
