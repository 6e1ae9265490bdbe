//! Our index and our trees.

use std::hint::black_box;

use counteroffer::domain::attribute::qualified;
use counteroffer::domain::condition::Names;
use counteroffer::domain::facts::{Facts, Source};
use counteroffer::domain::flow::{Format, parse};
use counteroffer::domain::gather::attribute_value;
use counteroffer::domain::index::Index;
use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use crate::{Figure, Task, median};

fn facts(known: &Map<String, Json>, now: Timestamp) -> Facts {
    let mut facts = Facts::default();
    for (name, value) in known {
        facts.state(qualified(name), attribute_value(value).unwrap(), Source::Profile, now);
    }
    facts
}

/// The index, then the trees.
pub(crate) fn measure(task: &Task) -> (Figure, Figure) {
    let now: Timestamp = "2027-03-04T12:00:00Z".parse().unwrap();
    let document = parse(&task.document.to_string(), Format::Json).unwrap();
    let segments = || document.segments.values();
    let index = Index::build(&document.segments, document.tiers.as_ref());
    let (ready, bytes) =
        (task.customers.iter().map(|known| facts(known, now)).collect::<Vec<_>>(), task.bytes());
    let count = ready.len();
    let matching = |facts: &Facts| index.matching(black_box(facts), now);
    let holding = |facts: &Facts| {
        segments().filter(|segment| segment.condition.holds(black_box(facts), now, &Names::NONE)).count()
    };
    let from = |bytes: &Vec<u8>| facts(&serde_json::from_slice(bytes).unwrap(), now);
    let index_figure = Figure {
        name: "Counteroffer, index",
        ready: Some(median(count, || ready.iter().for_each(|facts| drop(black_box(matching(facts)))))),
        bytes: Some(median(count, || bytes.iter().for_each(|bytes| drop(black_box(matching(&from(bytes))))))),
        matches: ready.iter().map(|facts| matching(facts).iter().count()).sum(),
    };
    let trees = Figure {
        name: "Counteroffer, trees",
        ready: Some(median(count, || ready.iter().for_each(|facts| drop(black_box(holding(facts)))))),
        bytes: Some(median(count, || bytes.iter().for_each(|bytes| drop(black_box(holding(&from(bytes))))))),
        matches: ready.iter().map(holding).sum(),
    };
    (index_figure, trees)
}
