//! Budgets hold to the cent, whatever subscribers and operations do at three real processes at once.
//!
//! Who does what, and where, is drawn by `BUDGET_SEED`, which each run prints; in which order the processes come to it
//! is up to them.
#![allow(clippy::print_stdout, reason = "the seed is for whoever runs the test again")]

use std::cell::Cell;
use std::time::Duration;

use counteroffer::store::Inspection;
use futures_util::future::{join, join_all};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::app::{Answer, Subscriber};
use crate::support::database::{Database, postgres, sqlite};
use crate::support::process::Served;
use crate::support::scene::{Scene, setting};

/// Holds about twenty of the discounts, whose costs differ by the cent.
const DISCOUNTS: i64 = 50_000;
/// Holds seven gifts, and not the eighth.
const GIFTS: i64 = 11_999;
const GIFT: i64 = 1_500;
const FLOW: &str = "key: default
reasons:
  - {key: price, label: {en: Price}, stripe_feedback: too_expensive}
  - {key: cash, label: {en: Cash}, stripe_feedback: other}
offers:
  half-off: {type: discount, terms: {percent_off: 50, duration: once}}
  gift: {type: credit, terms: {amount: 1500, currency: usd}}
rules:
  - {when: {reasons: [price]}, present: [half-off]}
  - {when: {reasons: [cash]}, present: [gift]}
policy:
  budgets:
    - {offer_types: [discount], per: month, amount: 50000, currency: usd}
    - {offer_types: [credit], per: month, amount: 11999, currency: usd, reserve: presented}
";
/// How often to look whether all is done, and how long to wait in between.
const LOOKS: u32 = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// What a subscriber does with what is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Accept,
    /// Clicks twice, and the clicks come to two processes.
    AcceptTwice,
    Decline,
    Keep,
    Cancel,
    /// Closes the page.
    Nothing,
}

struct Customer {
    who: Subscriber,
    /// What half off costs.
    cost: i64,
    reason: &'static str,
    offer: &'static str,
    act: Act,
    /// At which processes: begins, clicks, clicks again.
    at: [usize; 3],
}

struct Rush {
    scene: Scene,
    served: Vec<Served>,
    operator: String,
    rng: StdRng,
}

impl Rush {
    async fn set(database: Database, processes: usize) -> Self {
        let seed = setting("BUDGET_SEED").unwrap_or_else(rand::random);
        println!("{}, {processes} process(es): BUDGET_SEED={seed}", database.name);
        let mut scene = Scene::set(database).await;
        scene.program = scene
            .program
            .with("COUNTEROFFER_SESSIONS__SNAPSHOT_DEADLINE_MS", "10000")
            .with("COUNTEROFFER_SESSIONS__ACCEPT_DEADLINE_MS", "10000")
            .with("COUNTEROFFER_RATE_LIMIT__PER_SECOND", "10000")
            .with("COUNTEROFFER_RATE_LIMIT__BURST", "10000");
        scene.publish(FLOW);
        let operator = scene.operator();
        let served = (0..processes).map(|_| scene.program.serve()).collect();
        Self { scene, served, operator, rng: StdRng::seed_from_u64(seed) }
    }

    fn somewhere(&mut self) -> usize {
        self.rng.random_range(0..self.served.len())
    }

    /// So many who will do one of these, each with a subscription of another price.
    fn customers(&mut self, count: usize, reason: &'static str, acts: &[Act]) -> Vec<Customer> {
        let offer = if reason == "price" { "half-off" } else { "gift" };
        let mut customers = Vec::new();
        for _ in 0..count {
            let cost = self.rng.random_range(2_000..3_000);
            let sandbox = &self.scene.sandbox;
            let price = sandbox.seed_price("Pro", 2 * cost, "usd", "month").unwrap();
            let customer = sandbox.seed_customer("subscriber@example.com").unwrap();
            let subscription = sandbox.seed_subscription(&customer, &price).unwrap();
            let who = Subscriber { customer, subscription };
            let act = *acts.choose(&mut self.rng).unwrap();
            let at = [self.somewhere(), self.somewhere(), self.somewhere()];
            customers.push(Customer { who, cost, reason, offer, act, at });
        }
        customers
    }

    async fn begin(&self, customer: &Customer) -> Answer {
        self.scene.begin(&self.served[customer.at[0]], &customer.who, Some(customer.reason)).await
    }

    async fn post(&self, at: usize, bearer: &str, path: &str, body: Value) -> Answer {
        let url = format!("{}/v1/{path}", self.served[at].base);
        Answer::of(self.scene.client.post(url).bearer_auth(bearer).json(&body)).await
    }

    async fn read(&self, path: &str) -> Answer {
        let url = format!("{}/v1/{path}", self.served[0].base);
        Answer::of(self.scene.client.get(url).bearer_auth(&self.operator)).await.expect(200)
    }

    /// Does with the offer what the customer wants, if it was presented. Whether the budget was spent.
    async fn act(&self, customer: &Customer, session: &Answer) -> bool {
        let token = self.scene.token(&customer.who);
        let path = |action: &str| format!("sessions/{}/{action}", session.text_at("/id"));
        let on_offer = |action: &str| path(&format!("offers/{}/{action}", session.offer(customer.offer)));
        let click = async |number: usize, path: String| {
            self.post(customer.at[number], &token, &path, json!({})).await
        };
        let presented = session.presented().contains(&customer.offer);
        match customer.act {
            Act::Cancel => done(&click(1, path("cancel")).await),
            Act::Keep => done(&click(1, path("keep")).await),
            Act::Decline if presented => done(&click(1, on_offer("decline")).await),
            Act::Accept if presented => return is_spent(&click(1, on_offer("accept")).await, &[]),
            Act::AcceptTwice if presented => {
                let (one, other) = join(click(1, on_offer("accept")), click(2, on_offer("accept"))).await;
                let too_many = ["offer_applying", "session_closed"];
                return is_spent(&one, &too_many) | is_spent(&other, &too_many);
            }
            _ => {}
        }
        false
    }

    /// What is spent of each budget, never more than it holds. As many months as the test runs in.
    async fn spent(&self, offer_type: &str) -> i64 {
        let url = self.scene.database.parsed_url();
        let budgets = Inspection::of(&url, |inspection| inspection.budgets()).await.unwrap();
        for (name, spent) in &budgets {
            let limit = if name.contains("discount") { DISCOUNTS } else { GIFTS };
            assert!((0..=limit).contains(spent), "{name}: {spent}");
        }
        budgets.iter().filter(|(name, _)| name.contains(offer_type)).map(|(_, spent)| spent).sum()
    }

    /// Lets this happen while looking at the budgets again and again.
    async fn watching<T>(&self, happening: impl Future<Output = T>) -> T {
        let over = Cell::new(false);
        let happening = async {
            let came = happening.await;
            over.set(true);
            came
        };
        let watching = async {
            while !over.get() {
                self.spent("discount").await;
                tokio::time::sleep(PAUSE).await;
            }
        };
        join(happening, watching).await.0
    }

    /// All operations, once none is on its way.
    async fn operations(&self) -> Vec<Value> {
        let moving = |one: &Value| matches!(one["state"].as_str(), Some("pending" | "applying"));
        for _ in 0..LOOKS {
            let mut all = Vec::new();
            let mut next = Some(String::new());
            while let Some(cursor) = next {
                let page = self.read(&format!("billing-operations?limit=200{cursor}")).await;
                all.extend(page.body["data"].as_array().unwrap().iter().cloned());
                next = page.body["next_cursor"].as_str().map(|cursor| format!("&cursor={cursor}"));
            }
            if !all.iter().any(moving) {
                return all;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("operations that do not end");
    }

    /// Undoes some of the discounts, each asked for twice, while those who got none try again.
    async fn undo_some(&mut self, begun: &[(Customer, Answer)]) {
        let operations = self.operations().await;
        let of_discounts = operations.iter().filter(|one| one["effect"] == "discount");
        let mut undone: Vec<_> = of_discounts.map(|one| one["id"].as_str().unwrap()).collect();
        undone.shuffle(&mut self.rng);
        undone.truncate(6);
        let asked: Vec<_> =
            undone.iter().flat_map(|id| [*id, *id]).map(|id| (id, self.somewhere())).collect();
        let rush = &*self;
        let undoing = asked.into_iter().map(|(id, at)| async move {
            let path = format!("billing-operations/{id}/undo");
            let why = json!({"reason": "given by mistake"});
            rush.post(at, &rush.operator, &path, why).await.expect(200);
        });
        let again = begun.iter().map(|(customer, session)| async move {
            let now = rush.read(&format!("sessions/{}", session.text_at("/id"))).await;
            let wants =
                customer.offer == "half-off" && matches!(customer.act, Act::Accept | Act::AcceptTwice);
            if wants && now.body["status"] == "in_progress" {
                rush.act(customer, session).await;
            }
        });
        self.watching(join(join_all(undoing), join_all(again))).await;
    }

    /// Spent is what those hold who have the offer: for the gift also those who may still take it.
    async fn judge(&self, begun: &[(Customer, Answer)]) {
        let operations = self.operations().await;
        let state = |id: &Value| operations.iter().find(|one| one["id"] == *id).map(|one| &one["state"]);
        let (mut discounts, mut gifts) = (0, 0);
        for (customer, session) in begun {
            let now = self.read(&format!("sessions/{}", session.text_at("/id"))).await;
            let open = now.body["status"] == "in_progress";
            let offer =
                now.body["offers"].as_array().unwrap().iter().find(|one| one["key"] == customer.offer);
            let accepted = offer.is_some_and(|offer| offer["state"] == "accepted");
            let carries = |one: &&Value| one["session"] == now.body["id"] && one["effect"] != "cancel";
            let of_session: Vec<_> = operations.iter().filter(carries).collect();
            let undone = of_session.iter().any(|one| state(&one["undone_by"]) == Some(&json!("applied")));
            let has = accepted && !undone;
            assert!(!accepted || now.body["billing"]["state"] == "applied", "{}", now.text);
            assert_eq!(accepted, of_session.iter().any(|one| one["undoes"].is_null()), "{of_session:#?}");
            let stripe = &self.scene.sandbox;
            if customer.offer == "half-off" {
                let shown = &stripe.object(&customer.who.subscription).unwrap()["discounts"];
                assert_eq!(shown.as_array().unwrap().len(), usize::from(has), "{}", now.text);
                discounts += if has { customer.cost } else { 0 };
            } else {
                let balance = &stripe.object(&customer.who.customer).unwrap()["balance"];
                assert_eq!(*balance, if has { -GIFT } else { 0 }, "{}", now.text);
                let set_aside = open && offer.is_some_and(|offer| offer["state"] == "presented");
                gifts += if has || set_aside { GIFT } else { 0 };
            }
        }
        assert_eq!((self.spent("discount").await, self.spent("credit").await), (discounts, gifts));
    }

    async fn end(self) {
        self.scene.program.run(&["verify", "--stripe"]).expect(0);
        for served in self.served {
            assert!(served.terminate().success());
        }
        self.scene.sandbox.stop().await;
    }
}

fn done(answer: &Answer) {
    assert!(answer.status.is_success(), "{}", answer.text);
}

/// Whether an accept was refused since the budget is spent; else it has worked, or was one click too many.
fn is_spent(answer: &Answer, too_many: &[&str]) -> bool {
    let code = answer.body["code"].as_str().unwrap_or_default();
    let known = code == "budget_spent" || too_many.contains(&code);
    assert!(answer.status.is_success() || (answer.status == 409 && known), "{}", answer.text);
    code == "budget_spent"
}

async fn rush(database: Database, processes: usize) {
    let mut rush = Rush::set(database, processes).await;
    let mut wanting = rush.customers(60, "price", &[Act::Accept, Act::Accept, Act::Accept, Act::AcceptTwice]);
    wanting.extend(rush.customers(6, "price", &[Act::Decline, Act::Keep, Act::Cancel]));
    let all = [Act::Accept, Act::AcceptTwice, Act::Decline, Act::Keep, Act::Cancel, Act::Nothing];
    let mut late = rush.customers(24, "cash", &all);
    late.shuffle(&mut rush.rng);

    // The first see their offers before anything is spent; the gifts are set aside while others take and leave.
    let mut sessions = Vec::new();
    for some in wanting.chunks(6) {
        sessions.extend(join_all(some.iter().map(|customer| rush.begin(customer))).await);
    }
    assert!(sessions.iter().all(|session| session.presented() == ["half-off"]));
    let mut begun: Vec<_> = wanting.into_iter().zip(sessions).collect();
    begun.shuffle(&mut rush.rng);
    let taking = join_all(begun.iter().map(|(customer, session)| rush.act(customer, session)));
    let gifts = join_all(late.iter().map(async |customer| {
        let session = rush.begin(customer).await;
        let spent = rush.act(customer, &session).await;
        assert!(!spent || customer.act == Act::AcceptTwice, "what was set aside is there");
        session
    }));
    let (spent, gifts) = rush.watching(join(taking, gifts)).await;
    let refused = begun.iter().zip(spent).filter(|(_, spent)| *spent).map(|((customer, _), _)| customer.cost);
    let left = DISCOUNTS - rush.spent("discount").await;
    assert!(left < refused.min().unwrap(), "nobody is refused what is left");
    begun.extend(late.into_iter().zip(gifts));
    rush.judge(&begun).await;
    rush.undo_some(&begun).await;
    rush.judge(&begun).await;
    rush.end().await;
}

#[tokio::test]
async fn three_processes_give_away_no_more_than_the_budgets_hold() {
    if let Some(database) = postgres() {
        rush(database, 3).await;
    }
}

#[tokio::test]
async fn one_process_gives_away_no_more_than_the_budgets_hold() {
    rush(sqlite(), 1).await;
}
