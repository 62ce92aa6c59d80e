//! What nobody should send: the gateway stays up, its memory stays what it was, and others are served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use switchyard_end_to_end::{
    Caller, GatewayConfig, GatewayProcess, SEED, TRADER, VIEWER, limit_order, simulator,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::tls::write_certificate;

/// Where bad input comes from: what an address is refused for is not held against others.
const ATTACKER: &str = "127.0.0.66";

/// Attackers at once.
const ATTACKERS: u64 = 8;

/// Attacks of each in one round.
const ATTACKS: usize = 40;

/// Rounds before memory is looked at, which fill what is filled once.
const WARM_UP: u64 = 2;

/// Rounds after these.
const ROUNDS: u64 = 3;

/// The same of the long version, where `SOAK_ROUNDS` does not say.
const SOAK_ROUNDS: u64 = 20;

/// What memory may grow by during the rounds, for each attack, and whatever their number: the allocator keeps what it
/// once had.
const SLACK_KIB: (u64, u64) = (4, 4 * 1024);

/// Where those attack from who have a key and do not guess: they are not locked out with the others.
const PATIENT_ATTACKER: &str = "127.0.0.67";

/// Answers that one attacker asks for and does not read.
const UNREAD: usize = 8;

/// Longest that a request of others may take, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest time that an attack waits for an answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);

const PATHS: [&str; 22] = [
    "/../../../../etc/passwd",
    "/v1/../v1/orders",
    "/v1/orders/..%2f..%2fkeys",
    "/v1/orders/%2e%2e/%2e%2e/metrics",
    "/v1/venues/..;/metrics",
    "/v1/orders/%00",
    "/v1/orders/%ff%fe",
    "/v1/orders/%",
    "/v1/orders/%zz",
    "//v1//orders",
    "/v1/orders//",
    "/v1/orders?venue=%00",
    "/v1/orders?limit=99999999999999999999",
    "/v1/orders?cursor=AAAA&cursor=BBBB",
    "/v1/orders?ids=,,,,,",
    "/v1/candles?symbol=BTC/USDT&interval=99999999999d",
    "/v1/orders/ext-AAAA",
    "/v1/plugins/..%2f..%2fetc%2fpasswd",
    "/docs/../../Cargo.toml",
    "/docs/%2e%2e%2fCargo.toml",
    "*",
    "http://169.254.169.254/latest/meta-data/",
];

/// One thing that nobody should send, and whether its end is ever sent.
fn attack(random: &mut ChaCha8Rng) -> (Vec<u8>, bool) {
    let key = format!("authorization: Bearer {}\r\n", TRADER.key);
    let post = |headers: &str, body: &[u8]| {
        let mut bytes = format!(
            "POST /v1/orders HTTP/1.1\r\nhost: x\r\n{key}content-type: application/json\r\n{headers}\r\n"
        )
        .into_bytes();
        bytes.extend(body);
        bytes
    };
    let of_length = |body: &[u8]| post(&format!("content-length: {}\r\n", body.len()), body);
    match random.random_range(0..16) {
        0 => {
            let mut bytes = vec![0; random.random_range(1..20_000)];
            random.fill_bytes(&mut bytes);
            (bytes, true)
        }
        1 => (
            post("content-length: 1000000000000\r\n", &[b'{'; 1_000]),
            true,
        ),
        2 => (post("content-length: 60000\r\n", &[b' '; 100]), false),
        3 => {
            let chunk = [&b"4000\r\n"[..], &[b'x'; 0x4000], b"\r\n"].concat();
            (
                post("transfer-encoding: chunked\r\n", &chunk.repeat(20)),
                true,
            )
        }
        4 => {
            let open = ["[", "{\"a\":"][random.random_range(0..2)];
            (of_length(open.repeat(60_000 / open.len()).as_bytes()), true)
        }
        5 => {
            let deep = format!("{{\"price\":{}", "[".repeat(50_000));
            (of_length(deep.as_bytes()), true)
        }
        6 => {
            let header = "x-many: 1\r\n".repeat(random.random_range(50..3_000));
            (
                format!("GET /health HTTP/1.1\r\nhost: x\r\n{header}\r\n").into_bytes(),
                true,
            )
        }
        7 => {
            let long = "y".repeat(random.random_range(10_000..2_000_000));
            (
                format!("GET /health HTTP/1.1\r\nhost: x\r\nx-long: {long}\r\n\r\n").into_bytes(),
                true,
            )
        }
        8 => (b"GET /health HTTP/1.1\r\nhost: x\r\nx-half".to_vec(), false),
        9 => (Vec::new(), false),
        10 | 11 => {
            let path = PATHS[random.random_range(0..PATHS.len())];
            let method =
                ["GET", "DELETE", "PATCH", "TRACE", "CONNECT", "BREW"][random.random_range(0..6)];
            (
                format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{key}\r\n").into_bytes(),
                true,
            )
        }
        12 => {
            let path = "a".repeat(random.random_range(1_000..100_000));
            (
                format!("GET /v1/orders/{path} HTTP/1.1\r\nhost: x\r\n{key}\r\n").into_bytes(),
                true,
            )
        }
        13 => {
            // Two lengths, as for smuggling a request past a proxy.
            let smuggled = b"0\r\n\r\nGET /metrics HTTP/1.1\r\nhost: x\r\n\r\n";
            (
                post(
                    "content-length: 4\r\ntransfer-encoding: chunked\r\n",
                    smuggled,
                ),
                true,
            )
        }
        14 => (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), true),
        _ => {
            let mut guess = [0; 16];
            random.fill_bytes(&mut guess);
            let guess = data_encoding::HEXLOWER.encode(&guess);
            let guess = format!(
                "GET /v1/orders HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {guess}\r\n\r\n"
            );
            (guess.into_bytes(), true)
        }
    }
}

/// Something that is never finished, or never taken.
struct Dawdling {
    /// Sent byte by byte, each in a packet of its own, where it trickles.
    bytes: Vec<u8>,
    trickles: bool,
    /// Whether it is for the gateway that wants encryption.
    is_for_tls: bool,
}

fn dawdling(random: &mut ChaCha8Rng) -> Dawdling {
    let key = format!("authorization: Bearer {}\r\n", TRADER.key);
    let (bytes, trickles, is_for_tls) = match random.random_range(0..5) {
        0 => {
            let head = format!("GET /v1/orders HTTP/1.1\r\nhost: x\r\n{key}x-slow: ");
            (head.into_bytes(), true, false)
        }
        1 => {
            let head = format!(
                "POST /v1/orders HTTP/1.1\r\nhost: x\r\n{key}content-type: application/json\r\ncontent-length: 60000\r\n\r\n{{\"venue\":"
            );
            (head.into_bytes(), true, false)
        }
        2 => {
            let request = format!("GET /metrics HTTP/1.1\r\nhost: x\r\n{key}\r\n");
            (request.repeat(UNREAD).into_bytes(), false, false)
        }
        3 => {
            let hello = client_hello();
            let most = random.random_range(1..=hello.len());
            (hello[..most].to_vec(), random.random_bool(0.5), true)
        }
        // A whole beginning, whose answer is never gone on with.
        _ => (client_hello(), false, true),
    };
    Dawdling {
        bytes,
        trickles,
        is_for_tls,
    }
}

/// What a client says first where a connection is to be encrypted.
fn client_hello() -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

/// A component that nobody is to have received: who sends it may not, or is nobody.
fn component_without_rights(random: &mut ChaCha8Rng) -> Vec<u8> {
    let key = match random.random_range(0..3) {
        0 => String::new(),
        1 => format!("authorization: Bearer {}\r\n", VIEWER.key),
        _ => format!("authorization: Bearer {}\r\n", TRADER.key),
    };
    let length = 4_000_000;
    let mut bytes = format!(
        "PUT /v1/plugins/binance HTTP/1.1\r\nhost: x\r\n{key}content-type: application/wasm\r\ncontent-length: {length}\r\n\r\n"
    )
    .into_bytes();
    bytes.resize(bytes.len() + length, 0);
    bytes
}

async fn connect(to: SocketAddr, from: &str) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from.parse().unwrap(), 0))?;
    // Little of an answer finds room where nobody reads it.
    socket.set_recv_buffer_size(4_096)?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends bad input that takes its time, and gives the connection, if the gateway has not ended it yet.
async fn dawdle(to: Targets, random: &mut ChaCha8Rng) -> Option<TcpStream> {
    let attack = dawdling(random);
    let to = if attack.is_for_tls { to.tls } else { to.plain };
    let mut stream = connect(to, PATIENT_ATTACKER).await.ok()?;
    let size = if attack.trickles {
        1
    } else {
        attack.bytes.len()
    };
    let send = async {
        for bytes in attack.bytes.chunks(size) {
            stream.write_all(bytes).await?;
        }
        std::io::Result::Ok(())
    };
    let sent = tokio::time::timeout(ANSWERED_WITHIN, send).await;
    matches!(sent, Ok(Ok(()))).then_some(stream)
}

/// Sends bytes, and gives the status of the answer, if there is one.
async fn status_of(mut stream: TcpStream, bytes: &[u8]) -> Option<String> {
    // Who is refused early is cut off while it still sends.
    let _ = tokio::time::timeout(ANSWERED_WITHIN, stream.write_all(bytes)).await;
    let mut answer = vec![0; 4_096];
    let read = tokio::time::timeout(ANSWERED_WITHIN, stream.read(&mut answer)).await;
    let read = read.ok()?.ok()?;
    let line = String::from_utf8_lossy(&answer[..read]);
    Some(line.split(' ').nth(1).unwrap_or_default().to_owned())
}

/// The gateways that are attacked.
#[derive(Debug, Clone, Copy)]
struct Targets {
    plain: SocketAddr,
    /// It wants encryption.
    tls: SocketAddr,
}

/// Sends bad input, and returns every status that came back.
async fn attacker(to: Targets, seed: u64) -> Vec<String> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut held, mut statuses) = (Vec::new(), Vec::new());
    for _ in 0..ATTACKS {
        match random.random_range(0..8) {
            0 => held.extend(dawdle(to, &mut random).await),
            1 => {
                let bytes = component_without_rights(&mut random);
                if let Ok(stream) = connect(to.plain, PATIENT_ATTACKER).await {
                    let status = status_of(stream, &bytes).await;
                    // It is cut off before it has read the answer, or told what it may not.
                    let refused = ["", "401", "403", "503"];
                    let is_refused = status.as_deref().is_none_or(|it| refused.contains(&it));
                    assert!(is_refused, "a component was taken: {status:?}");
                }
            }
            _ => {
                let (bytes, is_whole) = attack(&mut random);
                let Ok(mut stream) = connect(to.plain, ATTACKER).await else {
                    continue;
                };
                if is_whole {
                    statuses.extend(status_of(stream, &bytes).await);
                } else {
                    let sent = stream.write_all(&bytes);
                    let _ = tokio::time::timeout(ANSWERED_WITHIN, sent).await;
                    held.push(stream); // half of something, held until the gateway ends it
                }
            }
        }
    }
    statuses
}

/// Someone who does nothing wrong: every request must be answered, and soon.
async fn honest(caller: Caller, until: tokio::sync::watch::Receiver<bool>) -> (u32, Duration) {
    let (mut served, mut slowest) = (0, Duration::ZERO);
    while !*until.borrow() {
        let begun = Instant::now();
        let id = caller
            .place(&limit_order("0.001", "50000"))
            .await
            .expect(201)
            .id();
        caller.get("/v1/orders?limit=1").await.expect(200);
        caller.cancel(&id).await.expect(200);
        caller.get("/health/live").await.expect(200);
        slowest = slowest.max(begun.elapsed() / 4);
        served += 4;
    }
    (served, slowest)
}

fn memory_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A gateway that gives up soon on those who dawdle, at an address of its own: where it listens is said at a level that
/// its log does not have.
async fn impatient_gateway(mut config: GatewayConfig, more: &str) -> (GatewayProcess, SocketAddr) {
    config.server_lines = format!(
        "head_timeout_ms = 2000\nbody_timeout_ms = 2000\nwrite_timeout_ms = 2000\nmax_connections_per_address = 200\n{more}"
    );
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    config.listen = free.local_addr().unwrap().to_string();
    config.log_level = "switchyard::cli=info,error".into();
    drop(free);
    let process = GatewayProcess::start(&config.write(), &config.directory.join("log")).await;
    (process, config.listen.parse().unwrap())
}

/// Waits until what was held half-open is gone.
async fn connections_are_given_back(viewer: &Caller) {
    switchyard_end_to_end::eventually("connections are given back", || async {
        let metrics = viewer.get("/metrics").await.expect(200);
        let line = metrics
            .text
            .lines()
            .find(|line| line.starts_with("switchyard_http_connections "));
        let open: u64 = line
            .and_then(|line| line.rsplit(' ').next()?.parse().ok())
            .unwrap();
        if open < 10 { Ok(()) } else { Err(json!(open)) }
    })
    .await;
}

async fn withstands(rounds: u64) {
    println!("seed {SEED}");
    let sim = simulator().await;
    let (directory, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (process, plain) = impatient_gateway(
        GatewayConfig::in_directory(directory.path()).simulated(&sim),
        "",
    )
    .await;
    process.ready().await;
    let certificate = write_certificate(other.path());
    let path = |name: &str| json!(other.path().join(name));
    let tls = format!(
        "tls = {{ certificate = {}, key = {} }}",
        path("certificate.pem"),
        path("key.pem")
    );
    let (encrypted, tls) = impatient_gateway(GatewayConfig::in_directory(other.path()), &tls).await;
    let trusting = Caller::trusting(&format!("https://{tls}"), &certificate).with(VIEWER);
    trusting.until_ready().await;
    let to = Targets { plain, tls };
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let trader = process.anonymous().with(TRADER);
    let viewer = process.anonymous().with(VIEWER);
    let honest = tokio::spawn(honest(trader, stopped));
    let memory = || [&process, &encrypted].map(|gateway| memory_kib(gateway.id()));
    let (mut first, mut last, mut statuses) = ([0; 2], [0; 2], Vec::new());
    for round in 0..WARM_UP + rounds {
        let attackers = (0..ATTACKERS).map(|number| {
            let seed = SEED + round * ATTACKERS + number;
            tokio::spawn(attacker(to, seed))
        });
        for attacker in futures_util::future::join_all(attackers).await {
            statuses.extend(attacker.unwrap());
        }
        for viewer in [&viewer, &trusting] {
            connections_are_given_back(viewer).await;
        }
        last = memory();
        println!("round {round}: {last:?} KiB");
        if round < WARM_UP {
            first = last;
        }
    }
    stop.send(true).unwrap();
    let (served, slowest) = honest.await.unwrap();
    println!(
        "{} answers to bad input; others: {served} requests, slowest {slowest:?}",
        statuses.len()
    );
    let attacks = rounds * ATTACKERS * u64::try_from(ATTACKS).unwrap();
    let slack = SLACK_KIB.0 * attacks + SLACK_KIB.1;
    for (first, last) in first.into_iter().zip(last) {
        assert!(
            last <= first + slack,
            "{first} KiB became {last} KiB by {attacks} attacks"
        );
    }
    assert!(slowest < PATIENCE, "{slowest:?}");
    assert!(served >= 20, "{served}");
    for failed in ["500", "501", "502", "504"] {
        let count = statuses.iter().filter(|status| *status == failed).count();
        assert_eq!(count, 0, "answers {failed}");
    }
    for wanted in ["400", "404", "405", "413", "431", "429"] {
        assert!(
            statuses.iter().any(|status| status == wanted),
            "no {wanted} among {statuses:?}"
        );
    }
    for process in [process, encrypted] {
        let log = process.log();
        assert!(!log.contains("panicked"), "{log}");
        assert_eq!(process.terminate().await, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_leaves_the_process_up_its_memory_flat_and_others_served() {
    withstands(ROUNDS).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes many minutes: make soak"]
async fn soak_bad_input_leaves_the_process_up_its_memory_flat_and_others_served() {
    let rounds = std::env::var("SOAK_ROUNDS");
    withstands(rounds.map_or(SOAK_ROUNDS, |rounds| rounds.parse().unwrap())).await;
}
