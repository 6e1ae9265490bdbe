//! Segments beside what others would use, in one run: our index, our trees, zen-engine (a compiled decision table), CEL,
//! JSONLogic and json-rules-engine on Node.js. All get the same segments and subscribers, and must find the same
//! matches. Prints a table in Markdown; takes about a minute once it is built.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml`
//!
//! Node.js takes part when `npm install --no-package-lock --prefix benches/peers` has been run.

mod cel;
mod logic;
mod node;
mod ours;
#[path = "../../common/segments.rs"]
mod segments;
mod zen;

use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json};

const SEGMENTS: usize = 100;
const CUSTOMERS: usize = 1_000;

/// What everybody gets.
pub(crate) struct Task {
    /// The flow document with the segments.
    document: Json,
    /// Each subscriber's values.
    customers: Vec<Map<String, Json>>,
}

impl Task {
    fn new(segments: usize) -> Self {
        let mut numbers = segments::Numbers(11);
        let customers = (0..CUSTOMERS).map(|_| segments::subscriber(&mut numbers)).collect();
        Self { document: segments::document(segments), customers }
    }

    /// Each segment's comparisons: attribute without `customer.`, operator, constant.
    fn segments(&self) -> impl Iterator<Item = (&String, Vec<(&str, &str, &Json)>)> {
        self.document["segments"].as_object().into_iter().flatten().map(|(key, condition)| {
            let parts = condition["all"].as_array().into_iter().flatten().filter_map(|part| {
                let attribute = part["attribute"].as_str()?.strip_prefix("customer.")?;
                let (operator, constant) = part.as_object()?.iter().find(|(name, _)| *name != "attribute")?;
                Some((attribute, operator.as_str(), constant))
            });
            (key, parts.collect())
        })
    }

    /// The subscribers as JSON texts.
    fn bytes(&self) -> Vec<Vec<u8>> {
        self.customers.iter().map(|known| Json::Object(known.clone()).to_string().into_bytes()).collect()
    }
}

/// What one engine came to.
pub(crate) struct Figure {
    /// Who.
    name: &'static str,
    /// Nanoseconds a customer, the values ready in the engine's own form.
    ready: Option<f64>,
    /// Nanoseconds a customer, from JSON bytes.
    bytes: Option<f64>,
    /// Matches over all customers.
    matches: usize,
}

/// An operator as most languages write it.
pub(crate) fn sign(operator: &str) -> &'static str {
    match operator {
        "gte" => ">=",
        "lte" => "<=",
        "gt" => ">",
        "lt" => "<",
        _ => "!=",
    }
}

/// The median over rounds of what one of `count` calls takes, in nanoseconds. A round is a pass over all.
pub(crate) fn median(count: usize, mut pass: impl FnMut()) -> f64 {
    let mut rounds = Vec::new();
    let started = Instant::now();
    while rounds.len() < 5 || (started.elapsed() < Duration::from_secs(2) && rounds.len() < 200) {
        let round = Instant::now();
        pass();
        rounds.push(round.elapsed().as_nanos() as f64 / count as f64);
    }
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

fn main() {
    let task = Task::new(SEGMENTS);
    let (index, trees) = ours::measure(&task);
    let mut figures = vec![zen::measure(&task), cel::measure(&task), logic::measure(&task)];
    figures.extend(node::measure(&task));
    let (ready, bytes) = (index.ready.unwrap_or(f64::NAN), index.bytes.unwrap_or(f64::NAN));
    let expected = index.matches;
    println!("{SEGMENTS} segments of 8 comparisons, {CUSTOMERS} customers, {expected} matches:\n");
    println!("| engine | values ready, ns a customer | to our index | from JSON bytes, ns | to our index |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for Figure { name, ready: own, bytes: own_bytes, matches } in [index, trees].iter().chain(&figures) {
        assert_eq!(*matches, expected, "{name} finds other matches");
        let cell = |figure: &Option<f64>| figure.map_or(String::from("–"), |ns| format!("{ns:.0}"));
        let ratio = |figure: &Option<f64>, ours: f64| {
            figure.map_or(String::from("–"), |ns| format!("{:.1}", ns / ours))
        };
        println!(
            "| {name} | {} | {} | {} | {} |",
            cell(own),
            ratio(own, ready),
            cell(own_bytes),
            ratio(own_bytes, bytes)
        );
    }
    let many = ours::measure(&Task::new(10_000)).0.ready.unwrap_or(f64::NAN);
    println!(
        "\nOur index with 10,000 segments: {many:.0} ns a customer, {:.1} times the cost of {SEGMENTS}.",
        many / ready
    );
}
