//! Connections to the server, and what is made sure of before one is used.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use secrecy::ExposeSecret as _;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use super::schema::SCHEMA;
use super::tls::Tls;
use crate::config::{SecretRef, StoreConfig};
use crate::secrets::Secrets;
use crate::store::{Break, StoreError};

/// The oldest server that is used: what is asked of it is younger than version 12.
const OLDEST: i32 = 120_000;

/// Time to make a connection, to each of the server's addresses.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Time until a connection can be used, once it is made: a server, or what stands in front of it, may take connections and
/// say nothing.
const SESSION_TIMEOUT: Duration = Duration::from_secs(5);

/// After how long without an answer the other side of a connection is taken to be gone.
const GONE_AFTER: Duration = Duration::from_secs(10);

/// Time between two questions whether the other side of a silent connection is still there, and how many of them may
/// stay without an answer.
const ASKED_AGAIN: (Duration, u32) = (Duration::from_secs(2), 3);

/// How long what callers wait for may be read.
const LONGEST_READ: Duration = Duration::from_secs(15);

/// Statements that are kept prepared on a connection; questions of callers come in many forms.
const PREPARED: usize = 256;

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let is_damage = error.code().is_some_and(|code| {
            [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED].contains(code)
        });
        let text = text_of(&error);
        if is_damage {
            Self::Broken(Break::at(0, text))
        } else {
            Self::Failed(text)
        }
    }
}

fn text_of(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} ({})", said.message(), said.code().code()),
        None => {
            let source = std::error::Error::source(error);
            source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
        }
    }
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The journal's writer.
    Writing,
    /// What a gateway reads. Not on a replica: what it has not got yet would be taken for what is not there.
    Serving,
    /// What people look at, however long it takes.
    Looking,
}

/// A server and its database.
#[derive(Clone)]
pub(super) struct Server {
    config: Config,
    /// Where the password is, as it is rotated.
    password: Option<(SecretRef, Secrets)>,
    tls: Option<Tls>,
    /// For how long a session may leave a transaction open without a word, and wait for a lock.
    patience: Duration,
    /// Its host and database, for people.
    pub(super) name: String,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Server {
    /// The server of a configuration. Only one on this machine is talked to without encryption, unless the URL
    /// says `sslmode=disable`.
    pub(super) fn of(config: &StoreConfig, secrets: &Secrets) -> Result<Self, StoreError> {
        let url = &config.url;
        let mut parsed: Config = url
            .parse()
            .map_err(|error: tokio_postgres::Error| open_error("PostgreSQL", text_of(&error)))?;
        let name = name_of(&parsed);
        // An address goes before the name beside it.
        let addresses = parsed.get_hostaddrs();
        let is_local =
            parsed.get_hosts().iter().all(is_local) && addresses.iter().all(IpAddr::is_loopback);
        let mode = match parsed.get_ssl_mode() {
            SslMode::Prefer if is_local => SslMode::Disable,
            SslMode::Prefer => SslMode::Require,
            mode => mode,
        };
        parsed
            .ssl_mode(mode)
            .application_name("switchyard")
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(GONE_AFTER)
            .keepalives_idle(GONE_AFTER)
            .keepalives_interval(ASKED_AGAIN.0)
            .keepalives_retries(ASKED_AGAIN.1);
        let tls = match mode {
            SslMode::Disable => None,
            _ => Some(tls(config).map_err(|problem| open_error(&name, problem))?),
        };
        Ok(Self {
            config: parsed,
            password: config
                .password
                .clone()
                .map(|place| (place, secrets.clone())),
            tls,
            patience: config.lease(),
            name,
        })
    }

    /// A new connection; its work is done by tasks of the runtime that this runs on.
    pub(super) async fn connect(&self, purpose: Purpose) -> Result<Session, StoreError> {
        // Each host may have an address of either kind.
        let hosts = u32::try_from(self.config.get_hosts().len()).unwrap_or(u32::MAX);
        let longest = SESSION_TIMEOUT + CONNECT_TIMEOUT.saturating_mul(2).saturating_mul(hosts);
        let established = timeout(longest, self.establish(purpose)).await;
        established.unwrap_or_else(|_| Err(open_error(&self.name, "it did not answer in time")))
    }

    async fn establish(&self, purpose: Purpose) -> Result<Session, StoreError> {
        let mut config = self.config.clone();
        if purpose != Purpose::Looking {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if let Some((place, secrets)) = &self.password {
            let secrets = secrets.current();
            let unread =
                |error| open_error(&self.name, format!("{}: {error}", StoreConfig::PASSWORD));
            config.password(secrets.get(place).map_err(unread)?.expose_secret());
        }
        let problem = |error: tokio_postgres::Error| open_error(&self.name, text_of(&error));
        let (client, connection) = match &self.tls {
            None => {
                let (client, connection) = config.connect(NoTls).await.map_err(problem)?;
                (client, tokio::spawn(ended(connection)).abort_handle())
            }
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await.map_err(problem)?;
                (client, tokio::spawn(ended(connection)).abort_handle())
            }
        };
        let session = Session {
            client,
            connection,
            statements: Mutex::default(),
            longest: (purpose == Purpose::Serving).then_some(LONGEST_READ),
        };
        self.prepare(&session, purpose).await?;
        Ok(session)
    }

    async fn prepare(&self, session: &Session, purpose: Purpose) -> Result<(), StoreError> {
        let patience = self.patience.as_millis();
        let settings = format!(
            "SET search_path TO {SCHEMA};
             SET idle_in_transaction_session_timeout = {patience};
             SET lock_timeout = {patience};"
        );
        session.batch(&settings).await?;
        let row = session
            .one(
                "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),
                        current_setting('fsync'), current_setting('full_page_writes'),
                        current_setting('synchronous_commit')",
                &[],
            )
            .await?;
        let refuse = |problem: &str| Err(open_error(&self.name, problem));
        let text = |column: usize| row.get::<_, String>(column);
        if row.get::<_, i32>(0) < OLDEST {
            return refuse("the server is older than PostgreSQL 12");
        }
        if text(1) != "UTF8" {
            return refuse("the database's encoding is not UTF8");
        }
        if purpose == Purpose::Serving {
            // The server learns of a question that is given up only when it answers.
            let longest = LONGEST_READ.as_millis();
            let limit = format!("SET statement_timeout = {longest}");
            session.batch(&limit).await?;
        }
        if purpose != Purpose::Writing {
            return Ok(());
        }
        // A writer that is stopped while it is answered would keep its transaction, and with it the lease's row, for
        // as long as the server waits for it to read on.
        session
            .batch(&format!("SET tcp_user_timeout = {patience}"))
            .await?;
        if text(2) == "off" {
            return refuse(
                "the server runs with fsync = off: what it says is stored may be lost with the next power cut",
            );
        }
        if text(3) == "off" {
            tracing::warn!(
                server = self.name,
                "the server runs with full_page_writes = off, which only some file systems make up for"
            );
        }
        // A session may ask for more than its server's default, and this one does.
        if ["off", "local"].contains(&text(4).as_str()) {
            session.batch("SET synchronous_commit TO on").await?;
        }
        Ok(())
    }
}

/// What is said where the server cannot be used.
pub(super) fn open_error(server: &str, problem: impl Into<String>) -> StoreError {
    StoreError::Open {
        path: server.to_owned(),
        problem: problem.into(),
    }
}

async fn ended(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        tracing::debug!(error = text_of(&error), "a connection to PostgreSQL ended");
    }
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let address: Option<IpAddr> = name.parse().ok();
            name == "localhost" || address.is_some_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    }
}

fn name_of(config: &Config) -> String {
    let hosts = config.get_hosts().iter().zip(0..).map(|(host, place)| {
        let ports = config.get_ports();
        let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(path) => format!("{}:{port}", path.display()),
        }
    });
    let hosts: Vec<String> = hosts.collect();
    let database = config
        .get_dbname()
        .or(config.get_user())
        .unwrap_or_default();
    format!("{}/{database}", hosts.join(","))
}

fn tls(config: &StoreConfig) -> Result<Tls, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let verified = match &config.root_certificates {
        Some(path) => {
            let problem = |error: &dyn fmt::Display| {
                format!("store.root_certificates: {}: {error}", path.display())
            };
            let mut roots = RootCertStore::empty();
            let certificates =
                CertificateDer::pem_file_iter(path).map_err(|error| problem(&error))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| problem(&error))?;
                roots.add(certificate).map_err(|error| problem(&error))?;
            }
            builder.with_root_certificates(roots)
        }
        None => builder
            .with_platform_verifier()
            .map_err(|error| error.to_string())?,
    };
    Ok(Tls(Arc::new(verified.with_no_client_auth())))
}

/// A connection.
pub(super) struct Session {
    client: Client,
    connection: AbortHandle,
    statements: Mutex<HashMap<String, Statement>>,
    /// How long an answer may take.
    longest: Option<Duration>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Drop for Session {
    /// Closes it at once: what its server has not committed by then is rolled back.
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// What is put in place of `$1` and those that follow.
pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Session {
    /// Whether nothing can be asked on it any more.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Statements without parameters or answers.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), StoreError> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// The rows of a question. What is asked before another is answered goes out with it.
    pub(super) async fn rows(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let asked = async {
            let statement = self.prepared(sql).await?;
            Ok(self.client.query(&statement, parameters).await?)
        };
        let Some(longest) = self.longest else {
            return asked.await;
        };
        timeout(longest, asked).await.unwrap_or_else(|_| {
            // Whatever else waits on this connection waits for the same.
            self.connection.abort();
            Err(StoreError::Failed("it was not read in time".into()))
        })
    }

    /// The first row, if there is one.
    pub(super) async fn first(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, parameters).await?.into_iter().next())
    }

    /// The row that there must be.
    pub(super) async fn one(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Row, StoreError> {
        let row = self.first(sql, parameters).await?;
        row.ok_or_else(|| StoreError::Failed("a row is missing".into()))
    }

    /// Changes rows, and says how many.
    pub(super) async fn change(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<u64, StoreError> {
        let statement = self.prepared(sql).await?;
        Ok(self.client.execute(&statement, parameters).await?)
    }

    /// Begins a transaction, and asks these questions in it at once.
    pub(super) async fn begin<'a>(
        &self,
        questions: impl IntoIterator<Item = (&'a str, Parameters<'a>)>,
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        let questions: Vec<_> = questions.into_iter().collect();
        // A statement that were prepared between would be asked out of turn.
        for (sql, _) in &questions {
            self.prepared(sql).await?;
        }
        let asked = questions.iter().map(|(sql, with)| self.rows(sql, with));
        let asked = futures_util::future::try_join_all(asked);
        let (begun, answers) = tokio::join!(biased; self.batch("BEGIN"), asked);
        begun?;
        answers
    }

    async fn prepared(&self, sql: &str) -> Result<Statement, StoreError> {
        let known = self.with_statements(|known| known.get(sql).cloned());
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.with_statements(|known| {
            if known.len() >= PREPARED {
                known.clear();
            }
            known.insert(sql.to_owned(), statement.clone());
        });
        Ok(statement)
    }

    fn with_statements<T>(&self, work: impl FnOnce(&mut HashMap<String, Statement>) -> T) -> T {
        work(
            &mut self
                .statements
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}
