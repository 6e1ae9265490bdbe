use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;

use super::*;

const ED25519: &str = include_str!("keys/ed25519.pem");
const P256: &str = include_str!("keys/p256.pem");
const RSA: &str = include_str!("keys/rsa.pem");

async fn status(running: &Running, token: &str) -> u16 {
    running.get("/v1/probe/customer").bearer_auth(token).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_good_token_names_its_customer() {
    let running = Running::start(&[]);
    let mut claims = claims();
    claims["subscription"] = json!("sub_1");
    claims["attributes"] = json!({"industry": "travel", "seats": 3});
    claims["aud"] = json!(["other", "counteroffer"]);
    let answer = running.get("/v1/probe/customer").bearer_auth(sign(&claims)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.unwrap();
    let wanted = json!({"customer": "user-1", "subscription": "sub_1", "attributes": ["industry", "seats"]});
    assert_eq!(body, wanted);
}

/// Each with what makes it bad.
fn bad_tokens() -> Vec<(String, String)> {
    let mut bad: Vec<(String, String)> = Vec::new();
    let changes = [
        ("expired", "exp", json!(NOW - 60)),
        ("expires now", "exp", json!(NOW - 5)),
        ("good for too long", "exp", json!(NOW + 1000)),
        ("a negative exp", "exp", json!(-1)),
        ("a huge exp", "exp", json!(u64::MAX)),
        ("text as exp", "exp", json!("soon")),
        ("not yet good", "nbf", json!(NOW + 60)),
        ("from the future", "iat", json!(NOW + 60)),
        ("another audience", "aud", json!("billing")),
        ("no audience", "aud", json!([])),
        ("another issuer", "iss", json!("somebody")),
        ("an empty subject", "sub", json!("")),
        ("a subject with a blank", "sub", json!("a b")),
        ("an empty jti", "jti", json!("")),
        ("a subscription that is none", "subscription", json!("cus_1")),
        ("nested attributes", "attributes", json!({"a": {"b": 1}})),
        ("attributes that are none", "attributes", json!([1])),
    ];
    for (name, claim, value) in changes {
        let mut claims = claims();
        claims[claim] = value;
        bad.push((name.to_owned(), sign(&claims)));
    }
    for claim in ["aud", "iss", "sub", "exp", "jti"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(claim);
        bad.push((format!("no {claim}"), sign(&claims)));
    }
    let other = EncodingKey::from_secret(b"another secret of thirty-two bytes");
    let foreign = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(), &other).unwrap();
    bad.push(("foreign signature".into(), foreign));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let hs512 = jsonwebtoken::encode(&Header::new(Algorithm::HS512), &claims(), &key).unwrap();
    bad.push(("an algorithm that is not allowed".into(), hs512));
    let good = sign(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let encode = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let [none, capital, critical] = [
        r#"{"alg":"none","typ":"JWT"}"#,
        r#"{"alg":"nOnE"}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
    ]
    .map(encode);
    bad.push(("alg none".into(), format!("{none}.{}.", parts[1])));
    bad.push(("alg none with a signature".into(), format!("{none}.{}.{}", parts[1], parts[2])));
    bad.push(("alg nOnE".into(), format!("{capital}.{}.", parts[1])));
    bad.push(("critical extension".into(), format!("{critical}.{}.{}", parts[1], parts[2])));
    bad.push(("no signature".into(), format!("{}.{}.", parts[0], parts[1])));
    bad.push(("two parts".into(), format!("{}.{}", parts[0], parts[1])));
    bad.push(("not a token".into(), "hello".into()));
    bad.push(("nothing".into(), String::new()));
    bad.push(("too long".into(), "a".repeat(10_000)));
    bad.push(("an unknown API key".into(), keys::generate().0.expose_secret().to_owned()));
    bad.push(("half an API key".into(), "co_12".into()));
    bad
}

#[tokio::test]
async fn every_bad_credential_gets_the_same_401() {
    let running = Running::start(&[]);
    let without = running.get("/v1/probe/customer").send().await.unwrap();
    assert_eq!(without.headers()["www-authenticate"], "Bearer realm=\"counteroffer\"");
    let mut uniform = problem(without, 401, "unauthorized").await;
    uniform.as_object_mut().unwrap().remove("request_id");
    for (name, token) in bad_tokens() {
        let answer = running.get("/v1/probe/customer").bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{name}");
        let mut body = problem(answer, 401, "unauthorized").await;
        body.as_object_mut().unwrap().remove("request_id");
        assert_eq!(body, uniform, "{name}");
    }
    let basic =
        running.get("/v1/probe/customer").basic_auth("user", Some(sign(&claims()))).send().await.unwrap();
    problem(basic, 401, "unauthorized").await;
    let twice = running.get("/v1/probe/customer").bearer_auth(sign(&claims())).bearer_auth(sign(&claims()));
    problem(twice.send().await.unwrap(), 401, "unauthorized").await;
}

#[tokio::test]
async fn keys_of_a_jwks_file_verify_and_cannot_be_confused() {
    let signers = [
        ("ed", Algorithm::EdDSA, EncodingKey::from_ed_pem(ED25519.as_bytes()).unwrap()),
        ("ec", Algorithm::ES256, EncodingKey::from_ec_pem(P256.as_bytes()).unwrap()),
        ("rsa", Algorithm::RS256, EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap()),
    ];
    let mut set = json!({"keys": [{"kty": "oct", "kid": "shared", "k": URL_SAFE_NO_PAD.encode(SECRET)}]});
    for (id, algorithm, key) in &signers {
        let mut jwk = Jwk::from_encoding_key(key, *algorithm).unwrap();
        jwk.common.key_id = Some((*id).to_owned());
        set["keys"].as_array_mut().unwrap().push(serde_json::to_value(jwk).unwrap());
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(set.to_string().as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let running = Running::start(&[("AUTH__ALGORITHMS", "ES256, EdDSA, RS256"), ("AUTH__JWKS_FILE", path)]);
    for (id, algorithm, key) in &signers {
        let token = |kid: Option<&str>| {
            let mut header = Header::new(*algorithm);
            header.kid = kid.map(str::to_owned);
            jsonwebtoken::encode(&header, &claims(), key).unwrap()
        };
        assert_eq!(status(&running, &token(Some(id))).await, 200, "{id}");
        assert_eq!(status(&running, &token(None)).await, 200, "{id}");
        assert_eq!(status(&running, &token(Some("other"))).await, 401, "{id}");
    }
    // HS256 is not allowed here, whether with the shared secret or with the text of a public key.
    assert_eq!(status(&running, &sign(&claims())).await, 401);
    let confused = EncodingKey::from_secret(set["keys"][3].to_string().as_bytes());
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("rsa".into());
    assert_eq!(status(&running, &jsonwebtoken::encode(&header, &claims(), &confused).unwrap()).await, 401);
}
