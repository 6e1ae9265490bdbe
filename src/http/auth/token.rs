//! Verifies the signature of a customer token with the keys and algorithms that the configuration allows.

use std::path::Path;

use jiff::Timestamp;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::ExposeSecret;

use crate::config::{Auth, ConfigError, TokenAlgorithm};
use crate::services::caller::CustomerCaller;

use super::claims::Claims;
use super::refusal::Refusal;

struct VerificationKey {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// Verifies customer tokens.
pub struct Verifier {
    rules: Auth,
    allowed: Vec<Algorithm>,
    keys: Vec<VerificationKey>,
}

impl Verifier {
    /// Takes the secret and reads the JWKS file that the configuration names.
    ///
    /// # Errors
    /// When the file cannot be read, is no JWKS, or holds no key for an allowed algorithm.
    pub fn new(rules: &Auth) -> Result<Self, ConfigError> {
        let allowed: Vec<Algorithm> = rules.algorithms.iter().copied().map(Algorithm::from).collect();
        let mut keys = Vec::new();
        if let Some(path) = &rules.jwks_file {
            keys = read_keys(path).map_err(|detail| ConfigError::one("auth.jwks_file", detail))?;
            keys.retain(|key| allowed.contains(&key.algorithm));
            if keys.is_empty() {
                let detail = "holds no public key for an algorithm of auth.algorithms";
                return Err(ConfigError::one("auth.jwks_file", detail));
            }
        }
        if let Some(secret) = &rules.hs256_secret {
            let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
            keys.push(VerificationKey { id: None, algorithm: Algorithm::HS256, key });
        }
        Ok(Self { rules: rules.clone(), allowed, keys })
    }

    /// What `token` says, if it is good at `now`.
    pub(super) fn verify(&self, token: &str, now: Timestamp) -> Result<CustomerCaller, Refusal> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Refusal("the header cannot be read"))?;
        if !self.allowed.contains(&header.alg) {
            return Err(Refusal("alg is not in auth.algorithms"));
        }
        if header.crit.is_some() {
            return Err(Refusal("crit names extensions, and none is known here"));
        }
        let mut validation = Validation::new(header.alg);
        // Claims are checked in `claims`, against our clock.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let key = self.key(header.alg, header.kid.as_deref())?;
        let data = jsonwebtoken::decode::<Claims>(token, key, &validation)
            .map_err(|_| Refusal("the signature is wrong, or a claim is missing or of the wrong type"))?;
        data.claims.accept(&self.rules, now)
    }

    /// The shared secret for HS256 whatever `kid` says; else the key named, or the only one there is.
    fn key(&self, algorithm: Algorithm, id: Option<&str>) -> Result<&DecodingKey, Refusal> {
        let mut fitting = self.keys.iter().filter(|key| {
            key.algorithm == algorithm
                && (algorithm == Algorithm::HS256 || id.is_none() || key.id.as_deref() == id)
        });
        let first = fitting.next().ok_or(Refusal("there is no key for its alg and kid"))?;
        if fitting.next().is_some() {
            return Err(Refusal("several keys fit; name one as kid"));
        }
        Ok(&first.key)
    }
}

impl From<TokenAlgorithm> for Algorithm {
    fn from(algorithm: TokenAlgorithm) -> Self {
        match algorithm {
            TokenAlgorithm::HS256 => Self::HS256,
            TokenAlgorithm::ES256 => Self::ES256,
            TokenAlgorithm::EdDSA => Self::EdDSA,
            TokenAlgorithm::RS256 => Self::RS256,
        }
    }
}

/// The keys of a JWKS file that can verify; others in it are left alone, as RFC 7517 asks.
fn read_keys(path: &Path) -> Result<Vec<VerificationKey>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    let set: JwkSet =
        serde_json::from_str(&text).map_err(|error| format!("is not a JWKS document: {error}"))?;
    Ok(set.keys.iter().filter_map(verification_key).collect())
}

fn verification_key(jwk: &Jwk) -> Option<VerificationKey> {
    if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption)) {
        return None;
    }
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        _ => return None,
    };
    let said = jwk.common.key_algorithm.as_ref();
    let agrees = said.is_none_or(|said| match algorithm {
        Algorithm::ES256 => *said == KeyAlgorithm::ES256,
        Algorithm::EdDSA => *said == KeyAlgorithm::EdDSA,
        _ => *said == KeyAlgorithm::RS256,
    });
    let key = DecodingKey::from_jwk(jwk).ok().filter(|_| agrees)?;
    Some(VerificationKey { id: jwk.common.key_id.clone(), algorithm, key })
}
