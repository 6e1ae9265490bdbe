//! The public keys of those who signed before, so that what they signed can still be verified.

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse,
    ThumbprintHash,
};
use serde_json::Value;

use super::signer::Signer;

/// Members by which a JWK holds what must never be told (RFC 7518, 6.2.2, 6.3.2 and 6.4; RFC 8037, 2).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A text that is no set of former public keys. Keys are named by their place in it, and nothing of them is repeated:
/// the text may be a private key by mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFormerKeys {
    /// No JWK Set at all.
    #[error("is no JWK Set (RFC 7517); give one as `/v1/evidence/jwks.json` answered it")]
    NoSet,
    /// A secret.
    #[error("holds a private or secret key at /keys/{0}; give public keys only")]
    Private(usize),
    /// Of a kind that never signed.
    #[error("holds at /keys/{0} no public key of the kinds Ed25519 or P-256")]
    OtherKind(usize),
    /// Under another name than in what it signed.
    #[error(
        "holds at /keys/{0} a key whose `kid` is not its thumbprint (RFC 7638), by which evidence names it; give keys as `/v1/evidence/jwks.json` answered them"
    )]
    OtherId(usize),
    /// Twice.
    #[error("holds at /keys/{0} a key that it has before; give each once")]
    Twice(usize),
}

/// Reads the public keys of former signing keys (a JWK Set, RFC 7517), each under the `kid` that stands in what it signed.
///
/// # Errors
/// When it is no such set, or holds anything but distinct public keys that can have signed.
pub fn former_keys(text: &str) -> Result<JwkSet, InvalidFormerKeys> {
    let set: Value = serde_json::from_str(text).map_err(|_| InvalidFormerKeys::NoSet)?;
    let listed = set.get("keys").and_then(Value::as_array).ok_or(InvalidFormerKeys::NoSet)?;
    let mut keys: Vec<Jwk> = Vec::new();
    for (place, listed) in listed.iter().enumerate() {
        let key = former_key(listed, place)?;
        if keys.contains(&key) {
            return Err(InvalidFormerKeys::Twice(place));
        }
        keys.push(key);
    }
    Ok(JwkSet { keys })
}

/// The key with nothing but what is published of the present one.
fn former_key(listed: &Value, place: usize) -> Result<Jwk, InvalidFormerKeys> {
    if PRIVATE.iter().any(|member| listed.get(member).is_some()) {
        return Err(InvalidFormerKeys::Private(place));
    }
    let other_kind = InvalidFormerKeys::OtherKind(place);
    let Ok(key) = serde_json::from_value::<Jwk>(listed.clone()) else { return Err(other_kind) };
    let algorithm = match &key.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            KeyAlgorithm::EdDSA
        }
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => {
            KeyAlgorithm::ES256
        }
        _ => return Err(other_kind),
    };
    if DecodingKey::from_jwk(&key).is_err() {
        return Err(other_kind);
    }
    let id = key.thumbprint(ThumbprintHash::SHA256).ok().filter(|id| key.common.key_id.as_ref() == Some(id));
    let common = CommonParameters {
        key_id: Some(id.ok_or(InvalidFormerKeys::OtherId(place))?),
        key_algorithm: Some(algorithm),
        public_key_use: Some(PublicKeyUse::Signature),
        ..CommonParameters::default()
    };
    Ok(Jwk { common, algorithm: key.algorithm })
}

/// The public keys to publish: the one that signs now, if there is one, and the former. One that signs again is there
/// once.
#[must_use]
pub fn published(signer: Option<&Signer>, former: JwkSet) -> JwkSet {
    let mut keys: Vec<Jwk> = signer.map(|signer| signer.public().clone()).into_iter().collect();
    for key in former.keys {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    JwkSet { keys }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &[u8] = include_bytes!("../../../tests/it/http_shell/keys/ed25519.pem");
    const P256: &[u8] = include_bytes!("../../../tests/it/http_shell/keys/p256.pem");

    fn jwk(pem: &[u8]) -> Value {
        serde_json::to_value(Signer::new(pem, "").unwrap().public()).unwrap()
    }

    fn read(keys: &[Value]) -> Result<JwkSet, InvalidFormerKeys> {
        former_keys(&serde_json::json!({"keys": keys}).to_string())
    }

    #[test]
    fn what_is_published_is_read_again_as_it_was() {
        let keys = [jwk(ED25519), jwk(P256)];
        let read = read(&keys).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap()["keys"], serde_json::json!(keys));
        let signer = Signer::new(P256, "").unwrap();
        let all = published(Some(&signer), read.clone()).keys;
        assert_eq!(all, [signer.public().clone(), read.keys[0].clone()], "the present one first, and once");
        assert_eq!(published(None, read.clone()), read);
    }

    #[test]
    fn anything_but_distinct_public_keys_is_refused() {
        let with = |member: &str, value: &str| {
            let mut key = jwk(P256);
            key[member] = value.into();
            key
        };
        let private = with("d", "c2VjcmV0");
        let secret = serde_json::json!({"kty": "oct", "k": "c2VjcmV0"});
        let rsa = serde_json::json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"});
        let mut nameless = jwk(ED25519);
        nameless.as_object_mut().unwrap().shift_remove("kid");
        for (keys, problem) in [
            (vec![jwk(ED25519), private], InvalidFormerKeys::Private(1)),
            (vec![secret], InvalidFormerKeys::Private(0)),
            (vec![rsa], InvalidFormerKeys::OtherKind(0)),
            (vec![serde_json::json!("key")], InvalidFormerKeys::OtherKind(0)),
            (vec![with("x", "!")], InvalidFormerKeys::OtherKind(0)),
            (vec![with("crv", "P-384")], InvalidFormerKeys::OtherKind(0)),
            (vec![with("kid", "other")], InvalidFormerKeys::OtherId(0)),
            (vec![with("x", "AQAB")], InvalidFormerKeys::OtherId(0)),
            (vec![nameless], InvalidFormerKeys::OtherId(0)),
            (vec![jwk(P256), jwk(ED25519), jwk(P256)], InvalidFormerKeys::Twice(2)),
        ] {
            assert_eq!(read(&keys), Err(problem), "{keys:?}");
        }
        for text in ["", "{}", "[]", r#"{"keys": {}}"#, "-----BEGIN PRIVATE KEY-----"] {
            assert_eq!(former_keys(text), Err(InvalidFormerKeys::NoSet));
        }
        assert_eq!(read(&[]).unwrap().keys, []);
    }

    #[test]
    fn nothing_but_what_is_needed_to_verify_is_published() {
        let mut key = jwk(ED25519);
        for (member, value) in [("alg", "ES256"), ("x5u", "https://example.com"), ("note", "a comment")] {
            key[member] = value.into();
        }
        assert_eq!(serde_json::to_value(&read(&[key]).unwrap().keys[0]).unwrap(), jwk(ED25519));
    }
}
