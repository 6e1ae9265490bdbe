//! The README says what is true: its table of configuration is the generated one, its examples are answered as
//! printed, its commands run. What is run is marked with `<!-- test -->`.

mod blocks;
mod commands;
mod exchanges;

use blocks::Block;

const README: &str = include_str!("../../../README.md");

/// The flow that the README shows, and that its examples run on.
pub(crate) fn flow() -> String {
    let blocks = blocks::marked(README);
    let flow = blocks.into_iter().find(|block| block.language == "yaml");
    flow.map(|Block { text, .. }| text).expect("the README shows a flow")
}

#[test]
fn the_configuration_table_is_the_generated_one() {
    let (_, rest) = README.split_once("<!-- config -->\n").expect("the README has a place for the table");
    let (table, _) = rest.split_once("<!-- /config -->").expect("the place has an end");
    let generated = counteroffer::config::reference_markdown();
    assert_eq!(table, generated, "put the generated table, on the right, into the README");
}

#[test]
fn the_permissions_of_a_restricted_key_are_those_that_are_checked() {
    let (_, rest) =
        README.split_once("<!-- permissions -->\n").expect("the README has a place for the table");
    let (table, _) = rest.split_once("<!-- /permissions -->").expect("the place has an end");
    assert_eq!(table, counteroffer::billing::permissions_markdown());
}

#[test]
fn the_events_of_the_endpoint_are_those_that_are_caught_up_with() {
    let (_, rest) = README.split_once("these events: ").expect("the README lists the events");
    let (list, _) = rest.split_once(". Its signing").expect("the list has an end");
    let listed: Vec<_> = list.split(',').map(|name| name.trim().trim_matches('`')).collect();
    assert_eq!(listed, counteroffer::billing::webhook::TYPES);
}

#[test]
fn files_that_the_readme_names_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let links = README.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    for link in links.filter(|link| !link.starts_with('#') && !link.contains("://")) {
        assert!(root.join(link).exists(), "{link}");
    }
}
