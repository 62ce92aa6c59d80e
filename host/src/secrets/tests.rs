//! Rotation under paused time, with keepers that do as they are told; and that nothing is left of a secret.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use super::*;

const KEY: &str = "ssm:///desk/key";
const SECRET: &str = "ssm:///desk/secret";

/// Holds texts that a test changes; what is absent is away.
#[derive(Default)]
struct Told {
    texts: Mutex<BTreeMap<SecretRef, String>>,
    looks: AtomicUsize,
    /// What is written right after each next look.
    later: Mutex<VecDeque<(SecretRef, String)>>,
}

impl Told {
    fn put(&self, place: &str, text: &str) {
        let place = place.parse().unwrap();
        self.texts.lock().unwrap().insert(place, text.to_owned());
    }

    fn remove(&self, place: &str) {
        let place: SecretRef = place.parse().unwrap();
        self.texts.lock().unwrap().remove(&place);
    }
}

impl Keepers for Told {
    fn read<'a>(&'a self, places: &'a [SecretRef]) -> BoxFuture<'a, Readings> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let mut texts = self.texts.lock().unwrap();
        let readings = places.iter().map(|place| match texts.get(place) {
            Some(text) => seal(text, place),
            None => Err(SecretError::Missing(place.clone())),
        });
        let readings = readings.collect();
        texts.extend(self.later.lock().unwrap().pop_front());
        Box::pin(async move { readings })
    }
}

fn named() -> Vec<(String, SecretRef)> {
    [
        ("venues.a.credentials.api_key", KEY),
        ("venues.a.credentials.secret", SECRET),
    ]
    .map(|(key, place)| (key.to_owned(), place.parse().unwrap()))
    .into()
}

struct Bench {
    keepers: Arc<Told>,
    secrets: Secrets,
    _following: tokio::task::JoinHandle<()>,
}

impl Bench {
    async fn start() -> Self {
        let keepers = Arc::new(Told::default());
        keepers.put(KEY, "key-1");
        keepers.put(SECRET, "secret-1");
        let config = SecretsConfig::default();
        let metrics = SecretMetrics::default();
        let opened = Secrets::read_from(keepers.clone(), named(), &config, &metrics).await;
        let (secrets, following) = opened.unwrap();
        Self {
            keepers,
            secrets,
            _following: tokio::spawn(following.run()),
        }
    }

    fn pair(&self) -> (String, String) {
        let snapshot = self.secrets.current();
        let get = |place: &str| {
            let secret = snapshot.get(&place.parse().unwrap()).unwrap();
            secret.expose_secret().to_owned()
        };
        (get(KEY), get(SECRET))
    }

    fn is(&self, key: &str, secret: &str) -> bool {
        self.pair() == (key.to_owned(), secret.to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotated_pair_is_put_to_use_together_within_the_interval() {
    let bench = Bench::start().await;
    sleep(Duration::from_secs(50)).await;
    assert_eq!(
        bench.keepers.looks.load(Ordering::Relaxed),
        1,
        "at the start"
    );
    bench.keepers.put(KEY, "key-2");
    bench.keepers.put(SECRET, "secret-2");
    // The interval, a tenth more, and the moment for the change to settle.
    for _ in 0..180 {
        sleep(Duration::from_millis(100)).await;
        assert!(bench.is("key-1", "secret-1") || bench.is("key-2", "secret-2"));
    }
    assert!(bench.is("key-2", "secret-2"));
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_is_written_one_after_the_other_is_not_torn() {
    let bench = Bench::start().await;
    // The key is there at the look, the secret only after it.
    bench.keepers.put(KEY, "key-2");
    let later = (SECRET.parse().unwrap(), "secret-2".to_owned());
    bench.keepers.later.lock().unwrap().push_back(later);
    for _ in 0..800 {
        sleep(Duration::from_millis(100)).await;
        assert!(
            bench.is("key-1", "secret-1") || bench.is("key-2", "secret-2"),
            "{:?}",
            bench.pair()
        );
    }
    assert!(bench.is("key-2", "secret-2"));
}

#[tokio::test(start_paused = true)]
async fn the_last_value_is_kept_while_its_keeper_is_away_and_no_half_of_a_pair_is_taken() {
    let bench = Bench::start().await;
    bench.keepers.put(KEY, "key-2");
    bench.keepers.remove(SECRET);
    sleep(Duration::from_secs(600)).await;
    assert!(bench.is("key-1", "secret-1"), "{:?}", bench.pair());
    bench.keepers.put(SECRET, "secret-2");
    sleep(Duration::from_secs(70)).await;
    assert!(bench.is("key-2", "secret-2"), "{:?}", bench.pair());
}

#[tokio::test(start_paused = true)]
async fn what_is_made_of_secrets_is_made_anew_once_and_kept_where_it_cannot_be() {
    let bench = Bench::start().await;
    let made = Arc::new(AtomicUsize::new(0));
    let counted = made.clone();
    let place: SecretRef = KEY.parse().unwrap();
    let make = move |snapshot: &Snapshot, before: Option<&String>| {
        counted.fetch_add(1, Ordering::Relaxed);
        let key = snapshot.get(&KEY.parse().unwrap()).unwrap();
        match key.expose_secret() {
            "bad" => Err("no key"),
            key => Ok(format!("{key} after {before:?}")),
        }
    };
    let derived = Derived::new(&bench.secrets, "a".to_owned(), vec![place], make).unwrap();
    assert_eq!(*derived.current(), "key-1 after None");
    bench.keepers.put(SECRET, "secret-2");
    sleep(Duration::from_secs(70)).await;
    assert_eq!(*derived.current(), "key-1 after None");
    assert_eq!(made.load(Ordering::Relaxed), 1, "another secret changed");
    bench.keepers.put(KEY, "bad");
    sleep(Duration::from_secs(70)).await;
    assert_eq!(*derived.current(), "key-1 after None");
    assert_eq!(*derived.current(), "key-1 after None");
    assert_eq!(made.load(Ordering::Relaxed), 2, "a bad one is tried once");
    bench.keepers.put(KEY, "key-3");
    sleep(Duration::from_secs(70)).await;
    let expected = "key-3 after Some(\"key-1 after None\")";
    assert_eq!(*derived.current(), expected);
}

#[tokio::test]
async fn the_first_secret_that_cannot_be_read_is_named_with_its_key() {
    let keepers = Arc::new(Told::default());
    keepers.put(KEY, "key-1");
    let config = SecretsConfig::default();
    let opened = Secrets::read_from(keepers, named(), &config, &SecretMetrics::default()).await;
    let error = opened.unwrap_err().to_string();
    let expected = format!("venues.a.credentials.secret: there is no parameter {SECRET}");
    assert_eq!(error, expected);
}

#[test]
fn members_of_one_parameter_are_secrets_of_their_own_and_errors_do_not_hold_them() {
    let place: SecretRef = "ssm:///desk#secret".parse().unwrap();
    let object = r#"{"api_key": "k\"ey", "secret": "s3cret"}"#;
    assert_eq!(
        member(object, "secret", &place).unwrap().expose_secret(),
        "s3cret"
    );
    assert_eq!(
        member(object, "api_key", &place).unwrap().expose_secret(),
        "k\"ey"
    );
    for object in [
        "s3cret",
        "\"s3cret\"",
        "{\"other\": \"s3cret\"}",
        "{\"secret\": 5, \"x\": \"s3cret\"}",
        "{\"secret\": \"\", \"x\": \"s3cret\"}",
    ] {
        let error = member(object, "secret", &place).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn nothing_that_holds_a_secret_prints_it() {
    let bench = Bench::start().await;
    let snapshot = bench.secrets.current();
    let place: SecretRef = SECRET.parse().unwrap();
    let derived = Derived::new(
        &bench.secrets,
        "a".to_owned(),
        vec![place],
        |snapshot, _| {
            let secret = snapshot.get(&SECRET.parse().unwrap())?;
            Ok::<_, SecretError>(secret.expose_secret().to_owned())
        },
    );
    let printed = format!("{:?} {snapshot:?} {:?}", bench.secrets, derived.unwrap());
    assert!(printed.contains(SECRET), "where it is: {printed}");
    assert!(!printed.contains("secret-1"), "{printed}");
}

mod memory {
    //! What is left of a secret in the memory of the process.

    use std::fs::{self, File};
    use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
    use std::process::Command;

    use super::*;

    /// A secret that stands nowhere in the program: its bytes are flipped here.
    const FLIPPED: [u8; 24] = *b"\x9c\x91\x9a\x8d\x8b\xd2\x8e\x86\xce\xc8\xd2\x94\x9a\x9a\x8f\xd2\x9e\x88\x9e\x86\xd2\xc7\xc6\xcb";

    const CHUNK: usize = 1 << 20;

    /// Places in writable memory that hold the secret, but for the buffer that it is looked for with.
    fn found() -> usize {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let memory = File::open("/proc/self/mem").unwrap();
        let mut buffer = vec![0_u8; CHUNK + FLIPPED.len()];
        let own = buffer.as_ptr() as u64..buffer.as_ptr() as u64 + buffer.len() as u64;
        let mut found = 0;
        for line in maps.lines() {
            let mut parts = line.split_whitespace();
            let (Some(range), Some(rights)) = (parts.next(), parts.next()) else {
                continue;
            };
            let (from, to) = range.split_once('-').unwrap();
            let (Ok(from), Ok(to)) = (u64::from_str_radix(from, 16), u64::from_str_radix(to, 16))
            else {
                continue;
            };
            if !rights.starts_with("rw") || line.contains("[v") {
                continue;
            }
            let mut at = from;
            while at < to {
                let length = usize::try_from(to - at).unwrap().min(buffer.len());
                let read = memory.read_at(&mut buffer[..length], at).unwrap_or(0);
                for (offset, window) in buffer[..read].windows(FLIPPED.len()).enumerate() {
                    let is_it = window.iter().zip(FLIPPED).all(|(a, b)| *a == !b);
                    found += usize::from(is_it && !own.contains(&(at + offset as u64)));
                }
                buffer[..length].fill(0);
                at += CHUNK as u64;
            }
        }
        found
    }

    #[tokio::test]
    async fn nothing_of_a_secret_is_left_in_memory_once_nobody_holds_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        // Another process writes it: here it would be left on the stack.
        let octal = FLIPPED.map(|byte| format!("\\{:03o}", !byte)).concat();
        let written = Command::new("sh")
            .args(["-c", "printf \"$1\" > \"$2\"", "sh", &octal])
            .arg(file.path())
            .status();
        assert!(written.unwrap().success());
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        let place = SecretRef::File(file.path().to_owned());
        let readings = Providers::default().read(&[place]).await;
        assert!(readings[0].is_ok());
        assert!(found() >= 1, "the search finds what is there");
        drop(readings);
        assert_eq!(found(), 0);
    }
}
