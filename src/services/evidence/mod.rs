//! The evidence of sessions: exported and signed for an auditor, and deleted when it must be kept no longer.

mod export;
pub mod retention;
mod signer;

pub use export::{
    Export, ExportedAnswers, ExportedRules, ExportedSession, ShownTexts, SignedExport, one, period,
};
pub use signer::{InvalidSigningKey, Signer};
