//! What must be true afterwards.

use counteroffer::store::Inspection;

use super::*;

/// What a kind of operation comes to when nobody is killed and Stripe is well.
pub(super) struct Undisturbed {
    /// What Stripe shows before.
    before: Shown,
    /// What it shows once the operation is applied.
    after: Shown,
    /// How many calls that takes.
    pub(super) calls: u32,
}

/// What Stripe does again each time it is asked to, or cannot take back.
const ONCE: [&str; 8] = [
    "/coupons",
    "/balance_transactions",
    "/subscription_items",
    "/invoices",
    "/invoiceitems",
    "/credit_notes",
    "/void",
    "/pause",
];

impl Arena {
    /// Sees what each kind comes to undisturbed.
    pub(super) async fn see_every_kind(mut self) -> HashMap<Kind, Undisturbed> {
        let mut seen = HashMap::new();
        for kind in KINDS {
            let subject = self.prepare(*kind).await;
            self.keep_calls();
            let known = self.calls.len();
            self.act(&subject, 0);
            self.until_done(&subject).await;
            self.keep_calls();
            let calls = self.calls[known..].iter().filter(|call| call.path != "/v1/events").count();
            let after = self.shown(&subject.who);
            assert_ne!(subject.before, after, "{kind:?} has no effect");
            let calls = u32::try_from(calls).unwrap();
            println!("{kind:?}: {calls} calls");
            seen.insert(*kind, Undisturbed { before: subject.before, after, calls });
        }
        println!("undisturbed, {}", self.prove().await);
        seen
    }

    async fn until_done(&mut self, subject: &Subject) {
        for _ in 0..LOOKS {
            let operations = self.operations(&subject.session).await;
            if operations.iter().any(|one| subject.kind.is_done_by(one) && one["state"] == "applied") {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!(
            "{}: {:?} is not applied: {:#?}",
            self.name,
            subject.kind,
            self.operations(&subject.session).await
        );
    }

    /// One operation for what was done, one outcome of the session, and in Stripe its effect once, or none.
    pub(super) async fn judge(&mut self, plan: &Plan, subject: &Subject, end: End) {
        let kind = subject.kind;
        let mut operations = self.operations(&subject.session).await;
        operations.retain(|one| kind.is_done_by(one));
        let session = self.read(&format!("/v1/sessions/{}", subject.session)).await;
        let after = self.shown(&subject.who);
        let told = || {
            let Plan { seed, .. } = plan;
            format!("{}, KILL_SEED={seed}, {end:?}, {kind:?}: {operations:#?}\n{}", self.name, session.text)
        };
        assert!(operations.len() <= 1, "more than one operation: {}", told());
        let state = operations.first().map(|one| one["state"].as_str().unwrap());
        let Undisturbed { before, after: wanted, .. } = &plan.undisturbed[&kind];
        assert_eq!(&subject.before, before, "before it all: {}", told());
        match state {
            Some("applied") => assert_eq!(&after, wanted, "applied: {}", told()),
            // Refused, or it never reached us.
            Some("rejected") | None => assert_eq!(&after, before, "not applied: {}", told()),
            _ => panic!("stuck: {}", told()),
        }
        assert_eq!(session.body["status"], kind.outcome(state), "{}", told());
        let word = format!("{} {}", kind.act.word(), state.unwrap_or("never asked for"));
        *self.tally.entry(word).or_default() += 1;
    }

    /// Holds all that was asked of Stripe, and the whole database, against what may be. What became of it, in words.
    pub(super) async fn prove(mut self) -> String {
        for _ in 0..LOOKS {
            self.deliver_late_webhooks().await;
            if !self.owes_webhooks() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        assert!(!self.owes_webhooks(), "{}: webhooks that nobody takes", self.name);
        self.keep_calls();
        self.acted_once();
        self.one_budget_count().await;
        self.scene.program.run(&["verify", "--stripe"]).expect(0);
        for served in self.served {
            assert!(served.terminate().success());
        }
        self.scene.sandbox.stop().await;
        let mut tally: Vec<_> =
            self.tally.into_iter().map(|(word, count)| format!("{word} {count}")).collect();
        tally.sort_unstable();
        format!("{}: {} calls to Stripe; {}", self.name, self.calls.len(), tally.join(", "))
    }

    /// No step of any operation has been carried out twice in Stripe, whatever keys it was asked under.
    fn acted_once(&self) {
        let mut acted: HashMap<String, Vec<&RecordedCall>> = HashMap::new();
        for call in self.calls.iter().filter(|call| call.acted) {
            let step = match &call.idempotency_key {
                // Without the number of the key, where one was spent.
                Some(key) if ONCE.iter().any(|once| call.path.ends_with(once)) => {
                    let parts = key.split('/').take_while(|part| part.parse::<u32>().is_err());
                    parts.collect::<Vec<_>>().join("/")
                }
                None if call.method == "DELETE" => format!("DELETE {}", call.path),
                _ => continue,
            };
            acted.entry(step).or_default().push(call);
        }
        for (step, calls) in acted {
            assert_eq!(calls.len(), 1, "{}: {step} acted more than once: {calls:#?}", self.name);
        }
    }

    /// The budget of credits has spent what the balances in Stripe show, no more and no less.
    async fn one_budget_count(&self) {
        let url = self.scene.database.parsed_url();
        let budgets = Inspection::of(&url, |inspection| inspection.budgets()).await.unwrap();
        let spent = budgets.iter().filter(|(name, _)| name.contains("credit") && !name.contains("discount"));
        let spent: i64 = spent.map(|(_, spent)| spent).sum();
        let credits =
            self.calls.iter().filter(|call| call.acted && call.path.ends_with("/balance_transactions"));
        let amount = |call: &RecordedCall| {
            let amount = call.params.iter().find(|(name, _)| name == "amount");
            amount.unwrap().1.parse::<i64>().unwrap()
        };
        let given: i64 = credits.map(|call| -amount(call)).sum();
        assert_eq!(spent, given, "{}: {budgets:?}", self.name);
    }
}
