//! The evidence of sessions: exported and signed for an auditor, and deleted when it must be kept no longer.

mod export;
mod former;
pub mod retention;
mod signer;

pub use export::{
    Export, ExportedAnswers, ExportedRules, ExportedSession, ShownTexts, SignedExport, one, period,
};
pub use former::{InvalidFormerKeys, former_keys, published};
pub use signer::{InvalidSigningKey, Signer};
