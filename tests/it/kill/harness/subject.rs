//! Who acts in a round: somebody new, brought to the point where the act is the next thing, and then the act.

use super::*;

/// An answer that is awaited, and may never come.
pub(super) type Answering = tokio::task::JoinHandle<Result<reqwest::Response, reqwest::Error>>;

/// Somebody who is about to do something, or has done it.
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) who: Subscriber,
    pub(super) session: String,
    /// What is clicked; nothing where the time comes by itself.
    click: Option<Click>,
    pub(super) before: Shown,
}

/// A request, the same however often it is sent.
pub(super) struct Click {
    path: String,
    bearer: String,
    body: Value,
    key: String,
}

impl Arena {
    /// Does what the subject is about to do; what comes of a click comes later.
    pub(super) fn act(&self, subject: &Subject, index: usize) -> Option<Answering> {
        let Some(click) = &subject.click else {
            let of = &subject.who.subscription;
            let due = "UPDATE operations SET due_at = 1 WHERE NOT settled AND body LIKE '%detach_features%'";
            self.scene.database.execute(&format!("{due} AND subscription = '{of}'"));
            return None;
        };
        Some(tokio::spawn(self.request(click, index).send()))
    }

    pub(super) fn request(&self, click: &Click, index: usize) -> reqwest::RequestBuilder {
        let url = format!("{}{}", self.served[index].base, click.path);
        let request = self.scene.client.post(url).bearer_auth(&click.bearer);
        request.header("idempotency-key", &click.key).json(&click.body)
    }

    /// Brings somebody new to the point where the act is the next thing.
    pub(super) async fn prepare(&mut self, kind: Kind) -> Subject {
        let who = kind.subscriber(&self.scene.sandbox);
        let session = self.scene.begin(&self.served[0], &who, kind.offer).await;
        let id = session.text_at("/id").to_owned();
        let (path, body) = match (kind.offer, kind.act) {
            (Some(offer), _) => (format!("offers/{}/accept", session.offer(offer)), json!({})),
            (None, Act::Cancel(when)) => ("cancel".to_owned(), json!({"when": when})),
            (None, _) => ("cancel".to_owned(), json!({})),
        };
        let token = self.scene.token(&who);
        let first = self.click(format!("/v1/sessions/{id}/{path}"), &token, body);
        let mut subject = Subject { kind, session: id, click: Some(first), before: self.shown(&who), who };
        if matches!(kind.act, Act::Accept | Act::Cancel(_)) {
            return subject;
        }
        let answer = Answer::of(self.request(subject.click.as_ref().unwrap(), 0)).await;
        assert!(answer.status.is_success(), "{}: {kind:?}: {}", self.name, answer.text);
        self.settle(std::slice::from_ref(&subject)).await;
        subject.click = match kind.act {
            Act::Resume => {
                let back = self.scene.begin(&self.served[0], &subject.who, None).await;
                subject.session = back.text_at("/id").to_owned();
                Some(self.click(format!("/v1/sessions/{}/resume", subject.session), &token, json!({})))
            }
            Act::Undo => {
                let operations = self.operations(&subject.session).await;
                let asked =
                    |one: &&Value| !matches!(one["effect"].as_str(), Some("detach_features" | "resume"));
                let id = operations.iter().find(asked).unwrap()["id"].as_str().unwrap();
                let path = format!("/v1/billing-operations/{id}/undo");
                Some(self.click(path, &self.operator, json!({"reason": "given by mistake"})))
            }
            _ => None,
        };
        subject.before = self.shown(&subject.who);
        subject
    }

    pub(super) fn click(&self, path: String, bearer: &str, body: Value) -> Click {
        let key = path.replace('/', "-");
        Click { path, bearer: bearer.to_owned(), body, key }
    }
}
