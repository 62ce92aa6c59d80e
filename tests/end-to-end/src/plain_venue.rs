//! The plain-text venue that the hostile adapter speaks to, and a server that nothing should ever reach.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

#[derive(Debug, Default)]
struct Seen {
    requests: Vec<String>,
    orders: BTreeMap<String, String>,
    whisper: String,
}

type Shared = Arc<Mutex<Seen>>;
type Parameters = Query<HashMap<String, String>>;

/// A venue of plain text.
#[derive(Debug)]
pub struct PlainVenue {
    address: SocketAddr,
    seen: Shared,
    serving: JoinHandle<()>,
}

impl PlainVenue {
    /// A venue whose tickers carry these words behind the price.
    pub async fn start(whisper: &str) -> Self {
        let seen = Shared::default();
        seen.lock().unwrap().whisper = whisper.to_owned();
        let router = Router::new()
            .route("/time", get(time))
            .route("/instruments", get(|| async { "all" }))
            .route("/ticker", get(ticker))
            .route("/book", get(|| async { "book" }))
            .route("/order", get(order).post(place).delete(cancel))
            .fallback(|| async { StatusCode::NOT_FOUND })
            .layer(middleware::from_fn_with_state(seen.clone(), note))
            .with_state(seen.clone());
        let (address, serving) = serve(router).await;
        Self {
            address,
            seen,
            serving,
        }
    }

    /// Its origin.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request that arrived, as `METHOD target host`.
    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }

    /// Client ids of the orders it has taken.
    pub fn orders(&self) -> Vec<String> {
        self.seen.lock().unwrap().orders.keys().cloned().collect()
    }
}

impl Drop for PlainVenue {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A server that counts who comes by.
#[derive(Debug)]
pub struct Elsewhere {
    address: SocketAddr,
    seen: Shared,
    serving: JoinHandle<()>,
}

impl Elsewhere {
    /// A server that answers everything.
    pub async fn start() -> Self {
        let seen = Shared::default();
        let router = Router::new()
            .fallback(|| async { "welcome" })
            .layer(middleware::from_fn_with_state(seen.clone(), note));
        let (address, serving) = serve(router).await;
        Self {
            address,
            seen,
            serving,
        }
    }

    /// Host and port.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Who came by.
    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(router: Router) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    (address, serving)
}

async fn note(
    State(seen): State<Shared>,
    request: Request,
    next: middleware::Next,
) -> axum::response::Response {
    let host = request
        .headers()
        .get("host")
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let line = format!("{} {} {host}", request.method(), request.uri());
    seen.lock().unwrap().requests.push(line);
    next.run(request).await
}

async fn time() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_millis().to_string()
}

async fn ticker(State(seen): State<Shared>) -> String {
    format!("100.5 {}", seen.lock().unwrap().whisper)
}

fn word<'a>(parameters: &'a HashMap<String, String>, name: &str) -> &'a str {
    parameters.get(name).map_or("", String::as_str)
}

async fn place(State(seen): State<Shared>, Query(order): Parameters) -> String {
    let mut seen = seen.lock().unwrap();
    let venue_id = format!("v{}", seen.orders.len() + 1);
    let line = format!(
        "{venue_id} {} {} {} open",
        word(&order, "side"),
        word(&order, "quantity"),
        word(&order, "price")
    );
    seen.orders.insert(word(&order, "id").to_owned(), line);
    venue_id
}

async fn order(State(seen): State<Shared>, Query(asked): Parameters) -> Result<String, StatusCode> {
    let seen = seen.lock().unwrap();
    let line = seen.orders.get(word(&asked, "id"));
    line.cloned().ok_or(StatusCode::NOT_FOUND)
}

async fn cancel(
    State(seen): State<Shared>,
    Query(asked): Parameters,
) -> Result<String, StatusCode> {
    let mut seen = seen.lock().unwrap();
    let line = seen
        .orders
        .get_mut(word(&asked, "id"))
        .ok_or(StatusCode::NOT_FOUND)?;
    *line = line.replace(" open", " canceled");
    Ok(line.clone())
}
