//! The published page.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Cell, Change, Shape, cell};
use crate::domain::ineligible::Ineligible;

const INTRODUCTION: &str = "\
# What works on which subscription

This page is generated from the code; the tests prove each cell against the sandbox.

- ✓: **supported**. The offer may be presented and is carried out; quantities, other items and discounts that are there
  stay as they are.
- a code: **ineligible**. The offer is left out, with this code in the session's explanation; where no session can begin,
  the answer to that is 409 with this code. Where the subscription
  changes between the offer and the click, the answer is 409 with this code, and says what is possible instead.
- **manual**: it is recorded, listed by `GET /v1/billing-operations?state=needs_attention` with the code, and a person
  carries it out. The subscriber reads that it was received, never that it is done.

A subscription has several shapes; an offer is supported when each of them allows it. Whatever Stripe refuses all the
same becomes `rejected` (offers) or manual (cancellations), with Stripe's code and request id in the operation.

";

/// The page as Markdown.
///
/// # Errors
/// When an example cannot be read, which the tests exclude.
pub fn markdown() -> Result<String, serde_json::Error> {
    let mut page = INTRODUCTION.to_owned();
    let changes = Change::all();
    let heads: Vec<String> = changes.iter().map(|change| format!("`{}`", change.as_str())).collect();
    line(&mut page, &[&["shape".to_owned()], heads.as_slice()].concat());
    line(&mut page, &vec!["---".to_owned(); changes.len().saturating_add(1)]);
    let mut reasons = BTreeMap::new();
    for &shape in Shape::ALL {
        let mut cells = vec![format!("`{}`: {}", shape.as_str(), shape.meaning())];
        for change in &changes {
            let cell = cell(shape, *change)?;
            if let Cell::Ineligible(reason) | Cell::Manual(reason) = cell {
                reasons.insert(reason.code(), reason);
            }
            cells.push(text(cell));
        }
        line(&mut page, &cells);
    }
    codes(&mut page, &reasons);
    withdrawals(&mut page);
    cancellations(&mut page);
    Ok(page)
}

fn text(cell: Cell) -> String {
    match cell {
        Cell::Supported => "✓".to_owned(),
        Cell::Ineligible(reason) => format!("`{}`", reason.code()),
        Cell::Manual(reason) => format!("manual: `{}`", reason.code()),
    }
}

fn codes(page: &mut String, reasons: &BTreeMap<&str, Ineligible>) {
    page.push_str("\n## The codes of the table\n\n");
    line(page, &["code", "why", "what is possible instead"].map(str::to_owned));
    line(page, &["---", "---", "---"].map(str::to_owned));
    for (code, reason) in reasons {
        line(page, &[format!("`{code}`"), reason.to_string(), reason.instead().to_owned()]);
    }
}

fn withdrawals(page: &mut String) {
    page.push_str(
        "\n## How a pause goes about it\n\n\
         A pause that keeps access (`pause`) sets `pause_collection`: the status stays as it is, Stripe resumes by itself.\n\
         One that withdraws access (`pause_withdrawn`) makes the subscription's status `paused`, credits what is paid for and\n\
         not used, and is resumed by us, with an invoice for a new period; but:\n\n",
    );
    for &shape in Shape::ALL {
        if let Some(how) = shape.withdrawal() {
            let _infallible = writeln!(page, "- `{}`: {how}", shape.as_str());
        }
    }
    page.push_str(
        "\nWhere we have paused (`paused_by_us`, `collection_paused_by_us`), a session first asks whether to resume; a reason\n\
         for leaving brings the offers.\n",
    );
}

fn cancellations(page: &mut String) {
    page.push_str("\n## How a cancellation goes about it\n\n");
    for &shape in Shape::ALL {
        if let Some(how) = shape.cancellation() {
            let _infallible = writeln!(page, "- `{}`: {how}", shape.as_str());
        }
    }
}

fn line(page: &mut String, cells: &[String]) {
    let _infallible = writeln!(page, "| {} |", cells.join(" | "));
}
