//! The published catalogue of attributes is the one that the code goes by.

use counteroffer::domain::attribute::markdown;

#[test]
fn the_page_is_the_generated_one() {
    let generated = markdown();
    let fresh = concat!(env!("CARGO_TARGET_TMPDIR"), "/attributes.md");
    std::fs::create_dir_all(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::write(fresh, &generated).unwrap();
    let page = include_str!("../../openapi/attributes.md");
    assert!(page == generated, "put the generated page in place: cp {fresh} openapi/attributes.md");
}
