//! AWS Parameter Store as PyPI's `moto` simulates it, and a keeper of the gate in front of it that throttles and refuses.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use switchyard_test_needs::left_out;
use tokio::task::JoinHandle;

use crate::eventually::eventually_within;
use crate::pypi::installed;

/// The simulator, at a version that was tried.
const MOTO: &str = "moto[server]==5.2.5";

/// How long it may take to start on a machine that is busy with other tests.
const STARTS_WITHIN: Duration = Duration::from_secs(120);

/// Credentials that the simulator takes until it is told to look.
pub const AWS_KEY: (&str, &str) = ("AKIASIMULATORONLY", "simulatorOnlyAwsSecretAccessKey");

/// Where parameters are.
const REGION: &str = "eu-west-1";

/// A simulated AWS.
#[derive(Debug)]
pub struct Moto {
    process: Child,
    base: String,
    http: reqwest::Client,
}

impl Moto {
    /// Installs the simulator, once, and starts it. Where it cannot be had, that is said and there is none; with `CI` in
    /// the environment, the test fails.
    pub async fn start() -> Option<Self> {
        let install = || installed("moto", MOTO, "moto_server");
        let program = match tokio::task::spawn_blocking(install).await.unwrap() {
            Ok(program) => program,
            Err(problem) => {
                left_out(&format!("no simulated AWS: {problem}"));
                return None;
            }
        };
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let process = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let moto = Self {
            process,
            base: format!("http://127.0.0.1:{port}"),
            http: http_client(),
        };
        eventually_within(STARTS_WITHIN, "moto answers", || async {
            let asked = moto.http.get(format!("{}/moto-api/", moto.base)).send();
            asked.await.map(drop)
        })
        .await;
        Some(moto)
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// What a gateway needs in its environment to use it, at `url`.
    pub fn environment(url: &str, (id, secret): (&str, &str)) -> Vec<(String, std::ffi::OsString)> {
        [
            ("AWS_ENDPOINT_URL", url),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", id),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.into()))
        .into()
    }

    /// Writes an encrypted parameter, over the one before.
    pub async fn put(&self, name: &str, value: &str) {
        let parameter =
            json!({"Name": name, "Value": value, "Type": "SecureString", "Overwrite": true});
        self.ssm("PutParameter", &parameter).await;
    }

    /// Removes a parameter.
    pub async fn delete(&self, name: &str) {
        self.ssm("DeleteParameter", &json!({ "Name": name })).await;
    }

    /// A parameter as whoever does not ask for decryption sees it.
    pub async fn encrypted(&self, name: &str) -> String {
        let answer = self.ssm("GetParameter", &json!({ "Name": name })).await;
        answer["Parameter"]["Value"].as_str().unwrap().to_owned()
    }

    async fn ssm(&self, operation: &str, body: &Value) -> Value {
        let request = self
            .http
            .post(&self.base)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AmazonSSM.{operation}"))
            .header("authorization", authorization("ssm"))
            .body(body.to_string());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{operation}");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// Makes a user who may do nothing, gives the user's credentials, and begins to ask for permissions.
    pub async fn user_without_permissions(&self) -> (String, String) {
        self.iam("CreateUser").await;
        let key = self.iam("CreateAccessKey").await;
        let between = |name: &str| {
            let (_, after) = key.split_once(&format!("<{name}>")).unwrap();
            after.split_once('<').unwrap().0.to_owned()
        };
        let url = format!("{}/moto-api/reset-auth", self.base);
        let reset = self
            .http
            .post(url)
            .body("0")
            .header("content-type", "text/plain");
        assert_eq!(reset.send().await.unwrap().status(), 200);
        (between("AccessKeyId"), between("SecretAccessKey"))
    }

    async fn iam(&self, action: &str) -> String {
        let body = format!("Action={action}&UserName=nobody&Version=2010-05-08");
        let request = self
            .http
            .post(&self.base)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", authorization("iam"))
            .body(body);
        request.send().await.unwrap().text().await.unwrap()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn http_client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// The simulator reads service and region from it, and takes any signature.
fn authorization(service: &str) -> String {
    let (id, _) = AWS_KEY;
    format!(
        "AWS4-HMAC-SHA256 Credential={id}/20260101/{REGION}/{service}/aws4_request, \
         SignedHeaders=host, Signature=0"
    )
}

/// What becomes of the next questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// They reach the service.
    Open,
    /// So many are throttled; then they reach it.
    Throttled(u32),
    /// They are refused as AWS refuses those without permission.
    Denied,
}

/// Stands before the service, and answers in its place with its own errors.
#[derive(Debug)]
pub struct GateKeeper {
    shared: Arc<Shared>,
    base: String,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    service: String,
    gate: Mutex<Gate>,
    asked: Mutex<Vec<Instant>>,
    http: reqwest::Client,
}

impl GateKeeper {
    /// A gate before the service at `service`.
    pub async fn before(service: &str) -> Self {
        let shared = Arc::new(Shared {
            service: service.to_owned(),
            gate: Mutex::new(Gate::Open),
            asked: Mutex::default(),
            http: http_client(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            shared,
            base,
            serving,
        }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// Opens or closes it.
    pub fn set(&self, gate: Gate) {
        *self
            .shared
            .gate
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = gate;
    }

    /// When it was asked, since this was last looked at.
    pub fn asked(&self) -> Vec<Instant> {
        let mut asked = self
            .shared
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut asked)
    }
}

impl Drop for GateKeeper {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn pass(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let refuse = |code: &str, message: &str| {
        let headers = [("content-type", "application/x-amz-json-1.1")];
        let body = json!({"__type": code, "message": message}).to_string();
        (StatusCode::BAD_REQUEST, headers, body).into_response()
    };
    let now = Instant::now();
    shared
        .asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(now);
    {
        let mut gate = shared.gate.lock().unwrap_or_else(PoisonError::into_inner);
        match *gate {
            Gate::Open | Gate::Throttled(0) => {}
            Gate::Throttled(left) => {
                *gate = Gate::Throttled(left - 1);
                return refuse("ThrottlingException", "Rate exceeded");
            }
            Gate::Denied => {
                return refuse(
                    "AccessDeniedException",
                    "User: arn:aws:iam::123456789012:user/nobody is not authorized to perform: ssm:GetParameter",
                );
            }
        }
    }
    let mut request = shared.http.post(&shared.service);
    for name in ["content-type", "x-amz-target", "authorization"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value.as_bytes());
        }
    }
    let answer = request.body(body).send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    let headers = [("content-type", "application/x-amz-json-1.1")];
    (status, headers, answer.bytes().await.unwrap()).into_response()
}

/// A port of this machine where nobody listens.
pub fn nobody() -> String {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", free.local_addr().unwrap())
}

/// Whether a file holds a text.
pub fn holds(path: &Path, text: &str) -> bool {
    let bytes = fs::read(path).unwrap();
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}
