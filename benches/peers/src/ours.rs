//! Our index and our trees.

use std::fmt;
use std::hint::black_box;

use counteroffer::domain::attribute::qualified;
use counteroffer::domain::condition::Names;
use counteroffer::domain::facts::{Facts, Source};
use counteroffer::domain::flow::{Format, parse};
use counteroffer::domain::gather::attribute_value;
use counteroffer::domain::index::Index;
use jiff::Timestamp;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value as Json};

use crate::{Figure, Task, median};

fn facts(known: &Map<String, Json>, now: Timestamp) -> Facts {
    let mut facts = Facts::default();
    for (name, value) in known {
        facts.state(qualified(name), attribute_value(value).unwrap(), Source::Profile, now);
    }
    facts
}

/// Reads facts from a JSON object as they come.
struct Read(Timestamp);

impl<'de> Visitor<'de> for Read {
    type Value = Facts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Facts, A::Error> {
        let mut facts = Facts::default();
        while let Some((name, value)) = map.next_entry::<&str, Json>()? {
            facts.state(qualified(name), attribute_value(&value).unwrap(), Source::Profile, self.0);
        }
        Ok(facts)
    }
}

fn read(bytes: &[u8], now: Timestamp) -> Facts {
    serde_json::Deserializer::from_slice(bytes).deserialize_map(Read(now)).unwrap()
}

/// Calls with each of them, and keeps the compiler from leaving out what comes of it.
fn each<T, R>(of: &[T], mut call: impl FnMut(&T) -> R) {
    for one in of {
        black_box(call(one));
    }
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
    let index_figure = Figure {
        name: "Counteroffer, index",
        ready: Some(median(count, || each(&ready, matching))),
        bytes: Some(median(count, || each(&bytes, |bytes| matching(&read(bytes, now))))),
        matches: ready.iter().map(|facts| matching(facts).iter().count()).sum(),
    };
    let trees = Figure {
        name: "Counteroffer, trees",
        ready: Some(median(count, || each(&ready, holding))),
        bytes: Some(median(count, || each(&bytes, |bytes| holding(&read(bytes, now))))),
        matches: ready.iter().map(holding).sum(),
    };
    (index_figure, trees)
}
