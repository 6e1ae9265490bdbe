//! Requests that may be repeated: the caller's key, and the answer saved under it.

/// The key under which an answer is saved, bound to the caller and to the request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// Who asks: a digest of the customer, or the id of the API key; never a token.
    pub caller: String,
    /// The `Idempotency-Key` header: 1 to 255 visible ASCII characters.
    pub key: String,
    /// SHA-256 over method, path and body.
    pub fingerprint: [u8; 32],
}

/// What a use case answers: a status and a JSON document, made now or saved earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status: 200, 201 or 202.
    pub status: u16,
    /// The JSON document.
    pub body: String,
    /// Whether it was saved by an earlier request with the same key.
    pub replayed: bool,
}
