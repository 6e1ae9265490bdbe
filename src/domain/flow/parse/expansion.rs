//! What segments become once those that they name are put in their place: an end, and a bounded size.

use std::collections::BTreeMap;

use crate::domain::condition::{Condition, Segment, in_order};
use crate::domain::flow::limits::{MAX_COMPARISONS, MAX_EXPANDED_DEPTH};
use crate::domain::flow::node::{At, Kind, Position};
use crate::domain::flow::problem::Problems;
use crate::domain::offer::Key;

/// Levels and comparisons of a condition.
#[derive(Clone, Copy, Default)]
struct Size {
    depth: usize,
    comparisons: usize,
}

/// Notes segments that name each other in a circle, and those that grow too deep or, together, too large.
pub(super) fn check(at: &At<'_>, segments: &BTreeMap<Key, Segment>, problems: &mut Problems) {
    let order = match in_order(segments) {
        Ok(order) => order,
        Err(cycles) => {
            for cycle in cycles {
                let way: Vec<String> = cycle.iter().map(|key| format!("`{key}`")).collect();
                let detail =
                    format!("{} name each other in a circle; take one of them out", way.join(" -> "));
                if let Some(key) = cycle.first() {
                    problems.add_key(at, key.as_str(), place(at, key), "segment_cycle", detail);
                }
            }
            return;
        }
    };
    let mut sizes: BTreeMap<&Key, Size> = BTreeMap::new();
    for key in order {
        let Some(segment) = segments.get(key) else { continue };
        let size = measure(&segment.condition, &sizes);
        if size.depth > MAX_EXPANDED_DEPTH {
            let detail = format!(
                "it is {} levels deep with the segments that it names; at most {MAX_EXPANDED_DEPTH} are taken",
                size.depth
            );
            problems.add_key(at, key.as_str(), place(at, key), "too_deep", detail);
        }
        sizes.insert(key, size);
    }
    let all = sizes.values().fold(0, |all: usize, size| all.saturating_add(size.comparisons));
    if all > MAX_COMPARISONS {
        let detail = format!(
            "with the segments that they name the segments make {all} comparisons; at most {MAX_COMPARISONS} are taken"
        );
        problems.add(at, "too_large", detail);
    }
}

/// As deep as the condition is written, which is bounded.
fn measure(condition: &Condition, known: &BTreeMap<&Key, Size>) -> Size {
    let inner = match condition {
        Condition::Compare(_) => return Size { depth: 1, comparisons: 1 },
        Condition::Tier(_) => return Size { depth: 1, comparisons: 2 },
        Condition::Segment(key) => return known.get(key).copied().unwrap_or_default(),
        Condition::Not(part) => measure(part, known),
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().map(|part| measure(part, known)).fold(Size::default(), |all, one| Size {
                depth: all.depth.max(one.depth),
                comparisons: all.comparisons.saturating_add(one.comparisons),
            })
        }
    };
    Size { depth: inner.depth.saturating_add(1), ..inner }
}

fn place(map: &At<'_>, key: &Key) -> Option<Position> {
    let Kind::Map(entries) = &map.node.kind else { return None };
    entries.iter().find(|entry| entry.key == key.as_str()).and_then(|entry| entry.at)
}
