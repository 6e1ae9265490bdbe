//! The HTTP client of the tests.

use reqwest::{Client, ClientBuilder};

/// One that speaks to loopback only: to read the system's certificates would take longer than a whole test.
pub(crate) fn builder() -> ClientBuilder {
    Client::builder().tls_certs_only([])
}

/// The same with nothing to add.
pub(crate) fn client() -> Client {
    builder().build().unwrap()
}
