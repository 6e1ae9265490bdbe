//! The entries of a map that has named members.

use crate::domain::flow::node::{At, Entry, Kind};
use crate::domain::flow::problem::Problems;

/// The entries of a map; what nobody asks for is unknown.
pub(super) struct Fields<'a> {
    map: &'a At<'a>,
    entries: &'a [Entry],
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The map's entries; none, with a problem noted, when it is no map.
    pub(super) fn of(map: &'a At<'a>, problems: &mut Problems) -> Option<Self> {
        let Kind::Map(entries) = &map.node.kind else {
            problems.add(map, "invalid_type", format!("expected a map, found {}", map.node.kind.word()));
            return None;
        };
        Some(Self { map, entries, asked: Vec::new() })
    }

    /// The value of a member, if it is there and not null.
    pub(super) fn optional(&mut self, name: &'static str) -> Option<At<'a>> {
        if !self.asked.contains(&name) {
            self.asked.push(name);
        }
        let map: &'a At<'a> = self.map;
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        (entry.value.kind != Kind::Null).then(|| map.entry(entry))
    }

    /// The value of a member; a problem is noted when it is not there.
    pub(super) fn required(&mut self, name: &'static str, problems: &mut Problems) -> Option<At<'a>> {
        let found = self.optional(name);
        if found.is_none() {
            problems.add_key(self.map, name, self.map.node.at, "required", format!("`{name}` is missing"));
        }
        found
    }

    /// Notes the members that nobody asked for.
    pub(super) fn finish(self, problems: &mut Problems) {
        for entry in self.entries {
            if !self.asked.contains(&entry.key.as_str()) {
                let known = self.asked.join("`, `");
                let detail = format!("`{}` is not known here; there are `{known}`", entry.key);
                problems.add_key(self.map, &entry.key, entry.at, "unknown_field", detail);
            }
        }
    }
}
