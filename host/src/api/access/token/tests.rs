//! What is accepted as a token, and above all what is not.

use std::io::Write as _;

use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::*;
use crate::config::SecretRef;
use crate::secrets::Secrets;

const SECRET: &str = "a secret of thirty-two bytes, no less";

/// A key that signs nothing but tokens of these tests.
const RSA: &[u8] = include_bytes!("fixtures/rsa.der");
const RSA_PUBLIC: &str = include_str!("fixtures/rsa.pub.pem");

fn file_of(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn ed25519() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

/// SubjectPublicKeyInfo of an Ed25519 key (RFC 8410, section 4).
fn ed25519_pem() -> String {
    let mut der = data_encoding::HEXLOWER
        .decode(b"302a300506032b6570032100")
        .unwrap();
    der.extend(ed25519().public_key().as_ref());
    let text = data_encoding::BASE64.encode(&der);
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}

fn config(keys: &[(&str, JwtAlgorithm, &str)]) -> Result<Tokens, TokenError> {
    let files: Vec<NamedTempFile> = keys.iter().map(|(_, _, text)| file_of(text)).collect();
    let keys = keys.iter().zip(&files);
    let keys = keys.map(|((id, algorithm, _), file)| JwtKeyConfig {
        id: (*id).to_owned(),
        algorithm: *algorithm,
        key: SecretRef::File(file.path().into()),
    });
    let config = JwtConfig {
        issuer: "https://id.example.com".into(),
        audience: "switchyard".into(),
        leeway_seconds: 30,
        keys: keys.collect(),
    };
    let named = config.keys.iter().enumerate();
    let named = named.map(|(index, key)| (JwtKeyConfig::name(index), key.key.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let secrets = runtime.block_on(Secrets::read(named.collect())).unwrap();
    Tokens::new(&config, &secrets.current())
}

fn tokens() -> Tokens {
    config(&[
        ("hmac", JwtAlgorithm::Hs256, SECRET),
        ("rsa", JwtAlgorithm::Rs256, RSA_PUBLIC),
        ("ed", JwtAlgorithm::EdDsa, &ed25519_pem()),
    ])
    .unwrap()
}

fn now() -> i64 {
    Timestamp::now().as_millis() / 1_000
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example.com", "aud": "switchyard", "sub": "alice", "exp": now() + 60,
        "tenant": "t", "role": "trader",
    })
}

fn with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}

fn hmac_of(secret: &[u8], message: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
}

fn signed(header: &Value, claims: &Value, sign: impl Fn(&str) -> Vec<u8>) -> String {
    let message = unsigned(header, claims);
    let signature = BASE64URL_NOPAD.encode(&sign(&message));
    format!("{message}.{signature}")
}

fn by_hmac(claims: &Value) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": "hmac"});
    signed(&header, claims, |message| {
        hmac_of(SECRET.as_bytes(), message)
    })
}

fn by_rsa(header: &Value, claims: &Value) -> String {
    signed(header, claims, |message| {
        let key = RsaKeyPair::from_der(RSA).unwrap();
        let mut signature = vec![0; key.public().modulus_len()];
        let random = SystemRandom::new();
        key.sign(
            &RSA_PKCS1_SHA256,
            &random,
            message.as_bytes(),
            &mut signature,
        )
        .unwrap();
        signature
    })
}

fn by_ed25519(header: &Value, claims: &Value) -> String {
    signed(header, claims, |message| {
        ed25519().sign(message.as_bytes()).as_ref().to_vec()
    })
}

#[track_caller]
fn refused(token: &str) -> Reason {
    tokens().verify(token, Timestamp::now()).unwrap_err().reason
}

#[test]
fn a_token_of_each_algorithm_names_who_it_was_issued_to() {
    let rsa = json!({"alg": "RS256", "kid": "rsa"});
    let ed = json!({"alg": "EdDSA", "kid": "ed"});
    let wanted = with(json!({"venues": ["sim"]}));
    for token in [
        by_hmac(&wanted),
        by_rsa(&rsa, &wanted),
        by_ed25519(&ed, &wanted),
    ] {
        let found = tokens().verify(&token, Timestamp::now()).unwrap();
        assert_eq!((found.sub.as_str(), found.tenant.as_str()), ("alice", "t"));
        assert_eq!(found.role, Role::Trader);
        assert_eq!(found.venues, Some(["sim".to_owned()].into()));
    }
    assert_eq!(
        tokens()
            .verify(&by_hmac(&claims()), Timestamp::now())
            .unwrap()
            .venues,
        None
    );
}

#[test]
fn a_token_cannot_choose_how_it_is_checked() {
    let claims = claims();
    // The public key, which everyone may have, as the secret of an HMAC.
    for kid in ["rsa", "hmac"] {
        let header = json!({"alg": "HS256", "kid": kid});
        let forged = signed(&header, &claims, |m| hmac_of(RSA_PUBLIC.as_bytes(), m));
        assert_eq!(refused(&forged), Reason::BadToken, "{kid}");
    }
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "none", "kid": "hmac"}),
        json!({"alg": "NONE", "kid": "hmac"}),
        json!({"alg": "HS512", "kid": "hmac"}),
        json!({"alg": "EdDSA", "kid": "rsa"}),
        json!({"alg": "RS256", "kid": "ed"}),
    ] {
        for signature in [&b""[..], b"x"] {
            let token = signed(&header, &claims, |_| signature.to_vec());
            assert_eq!(refused(&token), Reason::BadToken, "{header}");
        }
    }
    // A key that the token brings itself.
    let own = json!({"alg": "HS256", "kid": "mine", "jwk": {"kty": "oct", "k": "bWluZQ"}});
    let token = signed(&own, &claims, |m| hmac_of(b"mine", m));
    assert_eq!(refused(&token), Reason::UnknownKid);
}

#[test]
fn a_token_of_a_key_that_is_not_configured_is_no_guess_and_a_wrong_signature_is() {
    let with_kid = |kid: &str| {
        let header = json!({"alg": "HS256", "kid": kid});
        refused(&signed(&header, &claims(), |m| hmac_of(b"another", m)))
    };
    assert_eq!(with_kid("2019-01"), Reason::UnknownKid);
    assert!(!with_kid("2019-01").is_a_guess());
    assert!(with_kid("hmac").is_a_guess());
}

#[test]
fn a_token_that_was_changed_is_refused() {
    let token = by_hmac(&claims());
    let parts: Vec<&str> = token.split('.').collect();
    let claims = with(json!({"role": "operator"})).to_string();
    let other = BASE64URL_NOPAD.encode(claims.as_bytes());
    for changed in [
        format!("{}.{other}.{}", parts[0], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}A", parts[0], parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], &parts[2][1..]),
        format!("{token}.{}", parts[2]),
        "..".to_owned(),
        "a.b.c".to_owned(),
    ] {
        assert_eq!(refused(&changed), Reason::BadToken, "{changed}");
    }
}

#[test]
fn a_token_is_for_its_time_only() {
    assert_eq!(
        refused(&by_hmac(&with(json!({"exp": now() - 31})))),
        Reason::Expired
    );
    assert!(
        tokens()
            .verify(
                &by_hmac(&with(json!({"exp": now() - 25}))),
                Timestamp::now()
            )
            .is_ok()
    );
    let early = by_hmac(&with(json!({"nbf": now() + 60})));
    assert_eq!(refused(&early), Reason::UnfitToken);
    assert!(
        tokens()
            .verify(
                &by_hmac(&with(json!({"nbf": now() + 20}))),
                Timestamp::now()
            )
            .is_ok()
    );
}

#[test]
fn a_token_of_another_issuer_for_another_audience_or_without_its_claims_is_refused() {
    for changes in [
        json!({"iss": "https://elsewhere.example.com"}),
        json!({"aud": "another"}),
        json!({"aud": ["another"]}),
        json!({"exp": null}),
        json!({"exp": "tomorrow"}),
        json!({"iss": null}),
        json!({"iss": 5}),
        json!({"aud": null}),
        json!({"aud": {"switchyard": true}}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": "a b"}),
        json!({"sub": "a".repeat(129)}),
        json!({"role": null}),
        json!({"role": "admin"}),
        json!({"tenant": null}),
        json!({"venues": "sim"}),
        json!({"nbf": "tomorrow"}),
    ] {
        let refused = tokens().verify(&by_hmac(&with(changes.clone())), Timestamp::now());
        assert_eq!(refused.unwrap_err().reason, Reason::UnfitToken, "{changes}");
    }
    let many = with(json!({"aud": ["another", "switchyard"]}));
    assert!(tokens().verify(&by_hmac(&many), Timestamp::now()).is_ok());
}

#[test]
fn a_refusal_names_whom_the_issuer_named_and_nobody_else() {
    let named = |token: &str| {
        let who = tokens().verify(token, Timestamp::now()).unwrap_err().who;
        (who.key_id, who.tenant)
    };
    let name = |text: &str| Some(text.to_owned());
    let alice = (name("jwt:alice"), name("t"));
    assert_eq!(named(&by_hmac(&with(json!({"exp": 1})))), alice);
    assert_eq!(named(&by_hmac(&with(json!({"aud": "another"})))), alice);
    assert_eq!(named(&by_hmac(&with(json!({"role": "root"})))), alice);
    let odd = with(json!({"exp": 1, "sub": "a\nb", "tenant": 5}));
    assert_eq!(named(&by_hmac(&odd)), (None, None));
    let forged = signed(&json!({"alg": "HS256", "kid": "hmac"}), &claims(), |m| {
        hmac_of(b"another", m)
    });
    assert_eq!(named(&forged), (None, None), "anybody can write that");
}

#[test]
fn extensions_that_must_be_understood_are_not() {
    let header = json!({"alg": "HS256", "kid": "hmac", "crit": ["b64"], "b64": true});
    let token = signed(&header, &claims(), |m| hmac_of(SECRET.as_bytes(), m));
    assert_eq!(refused(&token), Reason::UnfitToken);
}

#[test]
fn a_token_needs_no_kid_where_there_is_one_key_only() {
    let header = json!({"alg": "HS256"});
    let token = signed(&header, &claims(), |m| hmac_of(SECRET.as_bytes(), m));
    assert_eq!(refused(&token), Reason::BadToken);
    let one = config(&[("hmac", JwtAlgorithm::Hs256, SECRET)]).unwrap();
    assert!(one.verify(&token, Timestamp::now()).is_ok());
}

#[test]
fn a_key_that_cannot_be_right_is_named_and_not_repeated() {
    let private =
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAcH\n-----END PRIVATE KEY-----\n";
    for (algorithm, text, says) in [
        (JwtAlgorithm::Hs256, "short-secret", "32 bytes"),
        (JwtAlgorithm::Hs256, RSA_PUBLIC, "PEM"),
        (JwtAlgorithm::Rs256, "not a key", "public key"),
        (JwtAlgorithm::Rs256, &ed25519_pem(), "public key"),
        (JwtAlgorithm::EdDsa, RSA_PUBLIC, "public key"),
        (JwtAlgorithm::EdDsa, private, "private"),
    ] {
        let error = config(&[("k", algorithm, text)]).err().unwrap().to_string();
        assert!(error.contains("auth.jwt.keys[0].key"), "{error}");
        assert!(error.contains(says), "{error}");
        assert!(!error.contains(text.trim()), "{error}");
    }
}
