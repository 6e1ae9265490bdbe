//! One database with its processes and its Stripe, and the rounds that are played there.

use super::*;

/// How far ahead something is due that nobody waits for: longer than any wait between two attempts.
const SCHEDULED: &str = "7200000000";

/// Processes on one database, and all that they ever asked of Stripe.
pub(super) struct Arena {
    pub(super) scene: Scene,
    pub(super) name: String,
    pub(super) served: Vec<Served>,
    /// An operator's API key.
    pub(super) operator: String,
    pub(super) calls: Vec<RecordedCall>,
    /// Events that Stripe has not delivered yet.
    late: Vec<WebhookEvent>,
    pub(super) rng: StdRng,
    /// How often which state was come to.
    pub(super) tally: HashMap<String, u32>,
}

impl Arena {
    pub(super) async fn set(database: Database, processes: usize, seed: u64) -> Self {
        let name = format!("{} with {processes} process(es)", database.name);
        let mut scene = Scene::set(database).await;
        scene.program = scene
            .program
            .with("COUNTEROFFER_STRIPE__ATTEMPT_TIMEOUT_MS", "2000")
            .with("COUNTEROFFER_SESSIONS__SNAPSHOT_DEADLINE_MS", "10000")
            .with("COUNTEROFFER_SESSIONS__ACCEPT_DEADLINE_MS", "10000")
            .with("COUNTEROFFER_RATE_LIMIT__PER_SECOND", "10000")
            .with("COUNTEROFFER_RATE_LIMIT__BURST", "10000");
        let price = |name, amount, every| scene.sandbox.seed_price(name, amount, "usd", every).unwrap();
        scene.publish(&kinds::flow(&Prices {
            free: price("Add-ons", 0, "month"),
            lite: price("Lite", 1_900, "month"),
            plus: price("Plus", 9_900, "month"),
            yearly: price("Yearly", 49_000, "year"),
        }));
        let operator = scene.operator();
        let served = (0..processes).map(|_| scene.program.serve()).collect();
        Self {
            scene,
            name,
            served,
            operator,
            calls: Vec::new(),
            late: Vec::new(),
            rng: StdRng::seed_from_u64(seed),
            tally: HashMap::new(),
        }
    }

    /// One kill, and what came of it.
    pub(super) async fn round(&mut self, plan: &Plan, end: End) {
        let (subjects, calls) = match end {
            End::AtCall { kind, call, .. } => (vec![self.prepare(kind).await], call),
            End::UnderLoad => self.crowd(plan).await,
        };
        self.keep_calls();
        self.misbehave(end, calls);
        let victim = self.rng.random_range(0..self.served.len());
        let mut answers = Vec::new();
        for (number, subject) in subjects.iter().enumerate() {
            let index = if number == 0 { victim } else { self.rng.random_range(0..self.served.len()) };
            answers.extend(self.act(subject, index));
        }
        self.until(end, calls, &subjects, &answers).await;
        self.served.swap_remove(victim).kill();
        self.scene.sandbox.clear_faults();
        self.come_back(&subjects).await;
        if self.rng.random_ratio(1, 4) {
            self.die_again(&subjects).await;
        }
        self.settle(&subjects).await;
        self.scene.sandbox.clear_faults();
        self.retry(&subjects).await;
        for subject in &subjects {
            self.judge(plan, subject, end).await;
        }
    }

    /// Several who act at once, and at how many calls of theirs together to kill.
    async fn crowd(&mut self, plan: &Plan) -> (Vec<Subject>, u32) {
        let mut subjects = Vec::new();
        for _ in 0..self.rng.random_range(3..=6) {
            let kind = *KINDS.choose(&mut self.rng).unwrap();
            subjects.push(self.prepare(kind).await);
        }
        let calls = subjects.iter().map(|subject| plan.undisturbed[&subject.kind].calls).sum();
        (subjects, self.rng.random_range(0..=calls))
    }

    /// Has Stripe be silent where the end is to come, or do all sorts of things.
    fn misbehave(&mut self, end: End, calls: u32) {
        match end {
            End::AtCall { call, acted, .. } => {
                let fault = FaultKind::Timeout { acted };
                let fault = Fault { method: None, path: "*".into(), after: call, times: 1, fault };
                self.scene.sandbox.script(fault);
            }
            End::UnderLoad => self.faults(4, calls.max(4)),
        }
    }

    /// So many faults, each at one of the next calls.
    fn faults(&mut self, count: usize, within: u32) {
        let ways = [
            FaultKind::RateLimited { retry_after: None },
            FaultKind::RateLimited { retry_after: Some(1) },
            FaultKind::LockTimeout,
            FaultKind::IdempotencyInUse,
            FaultKind::ServerError { acted: false },
            FaultKind::ServerError { acted: true },
            FaultKind::BadGateway { acted: false },
            FaultKind::BadGateway { acted: true },
            FaultKind::Timeout { acted: false },
            FaultKind::Timeout { acted: true },
            FaultKind::Decline { code: "fraudulent".into() },
            FaultKind::Decline { code: "insufficient_funds".into() },
        ];
        for _ in 0..count {
            let fault = ways.choose(&mut self.rng).unwrap().clone();
            // Only what changes something is refused for its own sake; about one call in three does.
            let refused = matches!(fault, FaultKind::Decline { .. });
            let method = refused.then(|| "POST".to_owned());
            let after = self.rng.random_range(0..if refused { within.div_ceil(3) } else { within });
            self.scene.sandbox.script(Fault { method, path: "*".into(), after, times: 1, fault });
        }
    }

    /// Waits for the moment of the end, or until all is done.
    async fn until(&self, end: End, calls: u32, subjects: &[Subject], answers: &[Answering]) {
        for _ in 0..LOOKS {
            let made = self.scene.sandbox.calls();
            let come = match end {
                End::AtCall { .. } => made.iter().any(|call| call.status.is_none()),
                End::UnderLoad => made.len() >= usize::try_from(calls).unwrap(),
            };
            if come || (answers.iter().all(Answering::is_finished) && self.is_settled(subjects).await) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("{}: neither {end:?} nor an answer", self.name);
    }

    /// One process more is killed while others' work is taken up, or it has just come to rest.
    async fn die_again(&mut self, subjects: &[Subject]) {
        let calls = self.rng.random_range(0..8);
        for _ in 0..LOOKS {
            if self.scene.sandbox.calls().len() >= calls || self.is_settled(subjects).await {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        let victim = self.rng.random_range(0..self.served.len());
        self.served.swap_remove(victim).kill();
        *self.tally.entry("killed again".to_owned()).or_default() += 1;
        self.come_back(subjects).await;
    }

    async fn is_settled(&self, subjects: &[Subject]) -> bool {
        for subject in subjects {
            if self.operations(&subject.session).await.iter().any(is_open) {
                return false;
            }
        }
        true
    }

    /// What happens between the end of one process and the beginning of the next, and at that beginning.
    async fn come_back(&mut self, subjects: &[Subject]) {
        self.keep_calls();
        if self.served.is_empty() {
            // Its leases run out, and with them may the day that Stripe remembers keys for.
            self.scene
                .database
                .execute("UPDATE operations SET lease_until = 1 WHERE lease_until IS NOT NULL");
            if self.rng.random_ratio(1, 4) {
                self.scene.sandbox.forget_keys();
            }
        }
        if self.rng.random_ratio(1, 2) {
            self.faults(1, 6);
        }
        self.served.push(self.scene.program.serve());
        if self.rng.random_ratio(1, 2) {
            for subject in subjects {
                let index = self.rng.random_range(0..self.served.len());
                self.act(subject, index);
            }
        }
        self.deliver_webhooks().await;
    }

    pub(super) fn shown(&self, who: &Subscriber) -> Shown {
        Shown::of(&self.scene.sandbox, who)
    }

    /// The operations of a session as the API shows them.
    pub(super) async fn operations(&self, session: &str) -> Vec<Value> {
        let listed = self.read(&format!("/v1/billing-operations?session={session}")).await;
        listed.body["data"].as_array().unwrap().clone()
    }

    pub(super) async fn read(&self, path: &str) -> Answer {
        let url = format!("{}{path}", self.served[0].base);
        Answer::of(self.scene.client.get(url).bearer_auth(&self.operator)).await.expect(200)
    }

    /// What Stripe has refused for good, though it is owed, waits for a person, who says that it is to be tried again.
    async fn retry(&mut self, subjects: &[Subject]) {
        for subject in subjects {
            for one in self.operations(&subject.session).await {
                if one["state"] != "needs_attention" {
                    continue;
                }
                assert!(one["problem"]["code"].is_string(), "{}: without a reason: {one:#}", self.name);
                let path = format!("/v1/billing-operations/{}/retry", one["id"].as_str().unwrap());
                let click = self.click(path, &self.operator, json!({}));
                Answer::of(self.request(&click, 0)).await.expect(200);
                *self.tally.entry("retried by hand".to_owned()).or_default() += 1;
            }
        }
        self.settle(subjects).await;
    }

    /// Waits until nothing of these is left to do before its time.
    pub(super) async fn settle(&mut self, subjects: &[Subject]) {
        for look in 0..LOOKS {
            if look % 12 == 0 {
                self.hasten();
            }
            if self.is_settled(subjects).await {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        for subject in subjects {
            println!("{:?}: {:#?}", subject.kind, self.operations(&subject.session).await);
        }
        panic!("{}: not settled", self.name);
    }

    /// Lets the time pass that lies before the next attempt.
    fn hasten(&self) {
        let now = Clock::System.now().as_microsecond();
        self.scene.database.execute(&format!(
            "UPDATE operations SET due_at = 1 WHERE NOT settled AND lease_owner IS NULL AND due_at > {now} \
             AND due_at < {now} + {SCHEDULED}"
        ));
    }

    /// Tells what has happened late, in any order, and some of it twice.
    pub(super) async fn deliver_webhooks(&mut self) {
        self.late.extend(self.scene.sandbox.take_webhooks());
        let mut events = self.late.split_off(self.rng.random_range(0..=self.late.len()));
        if self.rng.random_ratio(1, 2) {
            events.reverse();
        }
        let twice = self.rng.random_range(0..=events.len());
        events.extend_from_within(..twice);
        self.deliver(&events).await;
    }

    /// Tells what has not been told yet.
    pub(super) async fn deliver_late_webhooks(&mut self) {
        self.late.extend(self.scene.sandbox.take_webhooks());
        let events = std::mem::take(&mut self.late);
        self.deliver(&events).await;
    }

    /// What is not taken is told again later, as Stripe does.
    async fn deliver(&mut self, events: &[WebhookEvent]) {
        let served = self.served.choose(&mut self.rng).unwrap();
        let url = format!("{}/v1/stripe/webhooks", served.base).parse().unwrap();
        self.scene.sandbox.set_webhook_url(Some(url));
        let told = self.scene.sandbox.deliver(events).await;
        let left = events.iter().zip(&told).filter(|(_, told)| told.status != Some(200));
        self.late.extend(left.map(|(event, _)| event.clone()));
    }

    pub(super) fn owes_webhooks(&self) -> bool {
        !self.late.is_empty()
    }

    /// Keeps what the processes have asked of Stripe, and starts counting anew.
    pub(super) fn keep_calls(&mut self) {
        let made = self.scene.sandbox.calls();
        self.scene.sandbox.clear_calls();
        // What the test asks for itself has no version.
        self.calls.extend(made.into_iter().filter(|call| call.stripe_version.is_some()));
    }
}

fn is_open(operation: &Value) -> bool {
    let due: jiff::Timestamp = operation["due_at"].as_str().unwrap().parse().unwrap();
    let scheduled = due.duration_since(Clock::System.now()).as_secs() > 3_600;
    matches!(operation["state"].as_str(), Some("pending" | "applying")) && !scheduled
}
