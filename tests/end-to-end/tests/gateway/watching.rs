//! Who reads the gateway's log and metrics, and who collects its traces, is no concern of those who trade.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use switchyard_end_to_end::{
    Caller, GatewayConfig, GatewayProcess, TRADER, VIEWER, limit_order, simulator,
};
use switchyard_venue_sim::{LimitsPatch, SettingsPatch, VenueSim};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Orders that are measured, of each gateway.
const ORDERS: usize = 200;

/// Orders before them: what these say fills the pipe that nobody reads.
const UNMEASURED: usize = 30;

/// Connections that ask for metrics and do not read them.
const READERS: usize = 20;

/// Requests of one of them: their answers are more than a connection holds.
const TOO_MANY: usize = 300;

/// How many times as long as at a gateway that is left alone an order may take, and how much longer, on a machine that
/// is busy with other tests. Whatever waits for a reader waits much longer.
const TIMES: u32 = 3;
const SLACK: Duration = Duration::from_millis(50);

/// A limit that no test meets.
const PLENTY: u64 = 1_000_000;

async fn patient_venue() -> VenueSim {
    let sim = simulator().await;
    sim.control().settings(SettingsPatch {
        limits: Some(LimitsPatch {
            request_weight_1m: Some(PLENTY),
            raw_requests_5m: Some(PLENTY),
            orders_10s: Some(PLENTY),
            orders_1d: Some(PLENTY),
            ..LimitsPatch::default()
        }),
        ..SettingsPatch::default()
    });
    sim
}

fn config(directory: &Path, sim: &VenueSim) -> GatewayConfig {
    let mut config = GatewayConfig::in_directory(directory).simulated(sim);
    config.log_level = "trace".to_owned();
    config.venue_lines.push_str(&format!(
        "\nlimits = {{ spot_weight = {PLENTY}, spot_raw = {PLENTY}, spot_orders_10s = {PLENTY}, spot_orders_1d = {PLENTY} }}"
    ));
    config
}

/// A connection that has asked for metrics so many times, and whose first answer has begun to come.
async fn asks(gateway: &str, times: usize) -> TcpStream {
    let to: SocketAddr = gateway.trim_start_matches("http://").parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    // Little of an answer finds room at this end.
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    let request = format!(
        "GET /metrics HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        VIEWER.key
    );
    let requests = request.repeat(times);
    stream.write_all(requests.as_bytes()).await.unwrap();
    stream.readable().await.unwrap();
    stream
}

/// Places an order, and gives how long that took; then cancels it.
async fn place(trader: &Caller) -> Duration {
    let began = Instant::now();
    let placed = trader.place(&limit_order("0.001", "50000")).await;
    let took = began.elapsed();
    trader.cancel(&placed.expect(201).id()).await.expect(200);
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_waits_for_nobody_who_reads_the_log_or_metrics_or_collects_traces() {
    let (calm_sim, sim) = (patient_venue().await, patient_venue().await);
    let (calm_directory, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let calm_config = config(calm_directory.path(), &calm_sim);
    let log = calm_directory.path().join("log");
    let calm = GatewayProcess::start(&calm_config.write(), &log).await;

    // It takes connections and never answers.
    let collector = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(directory.path(), &sim);
    config.server_lines = "write_timeout_ms = 600000\nhead_timeout_ms = 600000".to_owned();
    config.last_lines = format!(
        "[telemetry.emf]\ninterval_seconds = 1\n[telemetry.otlp]\nendpoint = \"http://{}\"\n",
        collector.local_addr().unwrap()
    );
    // From where it says that it listens nobody reads its log.
    let (watched, unread) = GatewayProcess::start_into_a_pipe(&config.write()).await;
    calm.ready().await;
    watched.ready().await;

    let base = watched.anonymous().base().to_owned();
    let mut readers = vec![asks(&base, TOO_MANY).await];
    while readers.len() < READERS {
        readers.push(asks(&base, 1).await);
    }
    let mut killed = asks(&base, 1).await;
    killed.read_exact(&mut [0; 16]).await.unwrap();
    drop(killed);

    let (calm_trader, trader) = (
        calm.anonymous().with(TRADER),
        watched.anonymous().with(TRADER),
    );
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for number in 0..UNMEASURED + ORDERS {
        // In turns: whatever else the machine does slows both.
        let took = (place(&calm_trader).await, place(&trader).await);
        if number >= UNMEASURED {
            alone.push(took.0);
            beside.push(took.1);
        }
    }
    let (alone, beside) = (median(alone), median(beside));
    println!("the median order: {alone:?} alone, {beside:?} with readers that stand still");
    assert!(
        beside <= alone * TIMES + SLACK,
        "{alone:?} alone, {beside:?} with readers that stand still"
    );
    drop(readers);
    assert_eq!(watched.terminate().await, Some(0));
    drop((unread, collector));
}
