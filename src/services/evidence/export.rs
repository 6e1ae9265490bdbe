//! Export the evidence of sessions for an auditor, signed.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::signer::Signer;
use crate::domain::evidence::Texts;
use crate::domain::flow::{Preset, preset};
use crate::domain::ids::{ApiKeyId, CustomerId, SessionId, SubscriptionId};
use crate::domain::jurisdiction::{JurisdictionPolicy, Place};
use crate::domain::offer::Key;
use crate::domain::operation::StripeFeedback;
use crate::domain::receipt::{Receipt, receipt};
use crate::domain::session::{FlowRef, Session};
use crate::services::App;
use crate::services::error::ServiceError;
use crate::services::read::Page;
use crate::services::transition::{Access, load};
use crate::store::{AuditLine, SessionFilter};

/// What the payload of an export says that it is.
const FORMAT: &str = "counteroffer-evidence/1";

/// An export as it is signed. What the subscriber wrote in free text is not in it.
#[derive(Debug, Serialize)]
pub struct Export<'a> {
    /// The format and its version.
    pub format: &'static str,
    /// Who signed: where the service is reached.
    pub iss: &'a str,
    /// When, in seconds since 1970.
    pub iat: i64,
    /// The session.
    pub session: ExportedSession<'a>,
    /// The rules that governed it; null where the flow has none for its place.
    pub rules: Option<ExportedRules<'a>>,
    /// What the survey brought.
    pub answers: ExportedAnswers<'a>,
    /// The receipt, as the subscriber gets it, with every event in order.
    pub receipt: Receipt,
    /// The texts that were shown, unless they are erased.
    pub texts: Vec<ShownTexts<'a>>,
}

/// A session in an export.
#[derive(Debug, Serialize)]
pub struct ExportedSession<'a> {
    /// Its id.
    pub id: SessionId,
    /// Live or test mode.
    pub livemode: bool,
    /// The app's customer; a word that names nobody once the customer is erased.
    pub customer: &'a CustomerId,
    /// Stripe's subscription.
    pub subscription: &'a SubscriptionId,
    /// The flow that it ran.
    pub flow: &'a FlowRef,
    /// The language of its texts.
    pub locale: &'a str,
    /// When it began.
    pub created_at: Timestamp,
    /// When it got its outcome.
    pub closed_at: Option<Timestamp>,
}

/// The rules of a place in an export.
#[derive(Debug, Serialize)]
pub struct ExportedRules<'a> {
    /// The rules, as they were frozen in the session.
    pub policy: &'a JurisdictionPolicy,
    /// What they were chosen by.
    pub place: &'a Place,
    /// The preset that they are, with the sources and dates that it names; null where they are the flow's own, or those
    /// of another version of the preset.
    pub preset: Option<&'static Preset>,
}

/// The survey's answers in an export.
#[derive(Debug, Serialize)]
pub struct ExportedAnswers<'a> {
    /// The reason's key.
    pub reason: Option<&'a Key>,
    /// The reason in Stripe's words.
    pub feedback: Option<StripeFeedback>,
}

/// Texts as they were shown.
#[derive(Debug, Serialize)]
pub struct ShownTexts<'a> {
    /// The `hash` of the event that showed them. Its `texts_digest` is the SHA-256, in hexadecimal, of the compact JSON
    /// of `texts`.
    pub event: &'a str,
    /// The texts of the offers, in their order, with the salt that keeps the digest from being guessed.
    pub texts: &'a Texts,
}

/// The signed export of one session.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SignedEvidence)]
pub struct SignedExport {
    /// The session.
    pub session: SessionId,
    /// The export: a JWS in the compact serialisation.
    pub jws: String,
}

/// The signed evidence of a session. That it was exported goes into the audit trail.
///
/// # Errors
/// When there is no such session, or no key to sign with is configured.
pub async fn one(app: &App, id: SessionId, by: ApiKeyId) -> Result<String, ServiceError> {
    let session = load(app, &Access::Staff, id).await?.session;
    let signer = signer(app)?;
    let signed = signer.sign(&export(&session, signer, app.clock.now()))?;
    audit(app, by, serde_json::json!({"session": id})).await?;
    Ok(signed)
}

/// The signed evidence of the sessions of a period, newest first, in pages. Each page goes into the audit trail.
///
/// # Errors
/// When no key to sign with is configured.
pub async fn period(
    app: &App,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
    cursor: Option<SessionId>,
    limit: u32,
    by: ApiKeyId,
) -> Result<Page<SignedExport>, ServiceError> {
    let signer = signer(app)?;
    let filter = SessionFilter { created_from: from, created_to: to, ..SessionFilter::default() };
    let page = app.store.sessions(filter, cursor, limit).await?;
    let now = app.clock.now();
    let sign = |session: &Session| {
        Ok(SignedExport { session: session.id, jws: signer.sign(&export(session, signer, now))? })
    };
    let data: Vec<_> =
        page.sessions.iter().map(|stored| sign(&stored.session)).collect::<Result<_, ServiceError>>()?;
    let detail = serde_json::json!({
        "created_from": from, "created_to": to, "sessions": data.len(),
        "newest": data.first().map(|one| one.session), "oldest": data.last().map(|one| one.session),
    });
    audit(app, by, detail).await?;
    Ok(Page { data, next: page.next.map(|next| next.to_string()) })
}

/// The key to sign with.
fn signer(app: &App) -> Result<&Signer, ServiceError> {
    let detail = "no key to sign with is configured; set `evidence.signing_key_file` to the path of a private key \
                  (Ed25519 or P-256, PEM) and start again";
    app.signer.as_deref().ok_or_else(|| ServiceError::Conflict {
        code: "signing_key_missing",
        detail: detail.to_owned(),
        state: None,
    })
}

async fn audit(app: &App, by: ApiKeyId, detail: serde_json::Value) -> Result<(), ServiceError> {
    let line =
        AuditLine { actor: by.to_string(), action: "evidence.export".to_owned(), detail: detail.to_string() };
    Ok(app.store.audit(line, app.clock.now()).await?)
}

fn export<'a>(session: &'a Session, signer: &'a Signer, now: Timestamp) -> Export<'a> {
    let entries = session.evidence.entries().iter();
    let texts =
        entries.filter_map(|entry| Some(ShownTexts { event: &entry.hash, texts: entry.texts.as_ref()? }));
    Export {
        format: FORMAT,
        iss: signer.issuer(),
        iat: now.as_second(),
        session: ExportedSession {
            id: session.id,
            livemode: session.livemode,
            customer: &session.customer,
            subscription: &session.subscription,
            flow: &session.flow,
            locale: &session.locale,
            created_at: session.created_at,
            closed_at: session.closed_at,
        },
        rules: session.jurisdiction.as_ref().map(|rules| ExportedRules {
            policy: &rules.policy,
            place: &rules.place,
            preset: preset(&rules.policy.key).filter(|preset| preset.policy == rules.policy),
        }),
        answers: ExportedAnswers {
            reason: session.answers.reason.as_ref(),
            feedback: session.answers.feedback,
        },
        receipt: receipt(session),
        texts: texts.collect(),
    }
}
