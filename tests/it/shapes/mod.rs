//! The published table of offer types and subscription shapes: equal to what the code says, and each cell proved over
//! HTTP on the sandbox.

mod cells;
mod proof;
mod seeds;

use counteroffer::domain::shape::markdown;

#[test]
fn the_page_is_the_generated_one() {
    let generated = markdown().unwrap();
    let fresh = concat!(env!("CARGO_TARGET_TMPDIR"), "/shapes.md");
    std::fs::create_dir_all(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::write(fresh, &generated).unwrap();
    let page = include_str!("../../../openapi/shapes.md");
    assert!(page == generated, "put the generated page in place: cp {fresh} openapi/shapes.md");
}
