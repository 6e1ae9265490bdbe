//! What is served beside the API: health, metrics, the OpenAPI document, its reader, and answers for paths that do
//! not exist.

pub mod docs;
pub mod fallback;
pub mod health;
