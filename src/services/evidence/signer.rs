//! The key that exports are signed with, and its public half, by which anybody can verify them.

use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use crate::services::error::{Cause, ServiceError};

/// What the header of an export says that it is.
const TYPE: &str = "counteroffer-evidence+jws";

/// A text that holds no key to sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("holds no private key of the kinds Ed25519 or P-256 as PEM (PKCS#8, `BEGIN PRIVATE KEY`)")]
pub struct InvalidSigningKey;

/// Signs exports (JWS, RFC 7515): EdDSA with an Ed25519 key, ES256 with one on P-256.
#[derive(Clone, Debug)]
pub struct Signer {
    key: EncodingKey,
    header: Header,
    public: Jwk,
    issuer: String,
}

impl Signer {
    /// Takes a private key as PEM. `issuer` is where this service is reached; it stands in what is signed.
    ///
    /// # Errors
    /// When it is of another kind, or cannot be read.
    pub fn new(pem: &[u8], issuer: &str) -> Result<Self, InvalidSigningKey> {
        let ed25519 = EncodingKey::from_ed_pem(pem).map(|key| (key, Algorithm::EdDSA));
        let found = ed25519.or_else(|_| EncodingKey::from_ec_pem(pem).map(|key| (key, Algorithm::ES256)));
        let (key, algorithm) = found.map_err(|_| InvalidSigningKey)?;
        let mut public = Jwk::from_encoding_key(&key, algorithm).map_err(|_| InvalidSigningKey)?;
        let id = public.thumbprint(ThumbprintHash::SHA256).map_err(|_| InvalidSigningKey)?;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let header = Header { typ: Some(TYPE.to_owned()), kid: Some(id), ..Header::new(algorithm) };
        let signer = Self { key, header, public, issuer: issuer.to_owned() };
        // A key that cannot sign is to be found out at start.
        signer.compact(&()).map_err(|_| InvalidSigningKey)?;
        Ok(signer)
    }

    /// The public key (RFC 7517), under the id (RFC 7638) that stands in what is signed.
    #[must_use]
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    /// Where this service is reached.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Signs, in the compact serialisation.
    pub(super) fn sign(&self, payload: &impl Serialize) -> Result<String, ServiceError> {
        self.compact(payload).map_err(|error| ServiceError::Internal(Cause::new(error)))
    }

    fn compact(&self, payload: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&self.header, payload, &self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_keys_are_refused() {
        let rsa = include_bytes!("../../../tests/it/http_shell/keys/rsa.pem");
        let ed25519 = include_str!("../../../tests/it/http_shell/keys/ed25519.pem");
        let public = ed25519.replace("PRIVATE", "PUBLIC");
        for pem in [rsa.as_slice(), public.as_bytes(), b"", b"a secret of thirty-two characters.."] {
            assert_eq!(Signer::new(pem, "").unwrap_err(), InvalidSigningKey);
        }
        assert!(Signer::new(ed25519.as_bytes(), "").is_ok());
    }
}
