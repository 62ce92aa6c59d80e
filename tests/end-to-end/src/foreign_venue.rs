//! What venues of other exchanges have in common.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Parameters of a query or form by their names.
pub(crate) type Parameters = BTreeMap<String, String>;

/// A venue that answers as one exchange does.
#[derive(Debug)]
pub struct ForeignVenue {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl ForeignVenue {
    pub(crate) async fn serve(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { address, serving }
    }

    /// Its origin.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for ForeignVenue {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The parameters of a query or form.
pub(crate) fn parameters(text: &str) -> Parameters {
    let url = reqwest::Url::parse(&format!("http://venue/?{text}")).unwrap();
    url.query_pairs().into_owned().collect()
}
