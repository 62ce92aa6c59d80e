use super::*;
use crate::reliability::limiter::LimiterConfig;

fn declared(name: &str, limit: u32) -> Declared {
    Declared {
        name: name.into(),
        scope: BucketScope::Ip,
        endpoints: Vec::new(),
        limit,
        window_ms: 60_000,
        used_header: None,
        remaining_header: None,
    }
}

fn limits(configured: &[(&str, u32)]) -> VenueLimits {
    let sharing = Sharing {
        adapter: "adapter".into(),
        endpoints: BTreeMap::new(),
        api_key: None,
    };
    let configured = configured
        .iter()
        .map(|(name, limit)| ((*name).into(), *limit));
    VenueLimits::new(
        "venue",
        &[declared("weight", 100)],
        sharing,
        configured.collect(),
        Limiter::new(LimiterConfig::default()),
        Arc::default(),
    )
}

fn limit(limits: &VenueLimits, bucket: &str) -> u64 {
    limits.status()[bucket].limit
}

#[tokio::test(start_paused = true)]
async fn a_candidate_adds_buckets_and_changes_none() {
    let limits = limits(&[]);
    limits.add(&[declared("weight", 1), declared("orders", 5)]);
    assert_eq!(limit(&limits, "weight"), 100);
    assert_eq!(limit(&limits, "orders"), 5);
}

#[tokio::test(start_paused = true)]
async fn the_version_that_serves_says_what_the_limits_are_lower_or_higher() {
    let limits = limits(&[]);
    for next in [10, 1_000] {
        limits.learn(&[declared("weight", next)]);
        assert_eq!(limit(&limits, "weight"), u64::from(next));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_configured_or_published_stands_above_what_another_version_declares() {
    let configured = limits(&[("weight", 50)]);
    configured.learn(&[declared("weight", 1_000)]);
    assert_eq!(limit(&configured, "weight"), 50);
    let published = limits(&[]);
    published.publish(&[PublishedLimit {
        bucket: "weight".into(),
        limit: 70,
        window_ms: 60_000,
    }]);
    for next in [10, 1_000] {
        published.learn(&[declared("weight", next)]);
        assert_eq!(limit(&published, "weight"), 70);
    }
}

/// An order's bucket is used by orders alone: after the last one no request would tell that it is free again.
#[tokio::test(start_paused = true)]
async fn what_was_used_of_a_limit_is_not_shown_beyond_its_window() {
    let limits = limits(&[]);
    let request = wit::HttpRequest {
        endpoint: "e".into(),
        method: wit::Method::Get,
        path: "/".into(),
        headers: Vec::new(),
        body: Vec::new(),
        costs: vec![wit::Cost {
            bucket: "weight".into(),
            amount: 30,
        }],
        mutates: false,
    };
    let deadline = Deadline::after(Duration::from_secs(1));
    let pass = limits.acquire(&[request], Priority::Read, deadline).await;
    let shows = |used: u64| {
        let line = format!("limit_used{{venue=\"venue\",bucket=\"weight\"}} {used}\n");
        limits.metrics.render().contains(&line)
    };
    assert!(pass.is_ok() && shows(30));
    drop(pass);
    tokio::time::advance(Duration::from_secs(61)).await;
    limits.measure();
    assert!(shows(0), "{}", limits.metrics.render());
}

#[test]
fn what_the_limits_keep_from_being_asked_never_passes_for_what_cannot_be_asked() {
    for reason in [
        Reason::Exhausted,
        Reason::Closed,
        Reason::TooLarge,
        Reason::Unknown,
        Reason::QueueFull,
    ] {
        assert_ne!(code_of(reason), FailureCode::Unsupported, "{reason:?}");
    }
}
