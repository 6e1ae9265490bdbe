//! Undoing an operation: the one that undoes it is written, and linked with it, once.

use diesel::prelude::*;
use jiff::Timestamp;

use super::Store;
use super::audit::{self, AuditLine, AuditRow};
use super::connection::Link;
use super::error::{Failure, StoreError, malformed};
use super::operations::{self, OperationRow};
use super::schema::operations::dsl;
use super::time::micros;
use crate::domain::hold::BudgetHold;
use crate::domain::ids::OperationId;
use crate::domain::operation::{Operation, OperationState};

/// Links `undo` with the operation that it undoes, and writes both. Which operation undoes it: this one, or the one that
/// was faster.
fn link(
    connection: &mut Link,
    undo: &Operation,
    line: &AuditRow,
    now: Timestamp,
) -> Result<Option<OperationId>, Failure> {
    let Some(of) = undo.undoes else { return Ok(None) };
    let query = dsl::operations.find(of.to_string()).select((OperationRow::as_select(), dsl::body));
    let Some((row, body)): Option<(OperationRow, String)> = query.first(connection).optional()? else {
        return Ok(None);
    };
    let before = row.read()?;
    if let Some(earlier) = before.undone_by {
        return Ok(Some(earlier));
    }
    // What it holds of budgets goes over to the operation that undoes it, which gives it back.
    let holds: Vec<BudgetHold> = before.holds.clone();
    let linked = Operation { undone_by: Some(undo.id), holds: Vec::new(), updated_at: now, ..before };
    let undo = Operation { holds, ..undo.clone() };
    let linked = serde_json::to_string(&linked).map_err(|_| malformed("operations.body"))?;
    let target = dsl::operations
        .filter(dsl::id.eq(of.to_string()))
        .filter(dsl::state.eq(OperationState::Applied.as_str()))
        .filter(dsl::body.eq(body));
    let set = (dsl::body.eq(linked), dsl::updated_at.eq(micros(now)));
    if diesel::update(target).set(set).execute(connection)? == 0 {
        // Somebody changed it in between; from the start, then.
        return Err(Failure::Again);
    }
    let new = OperationRow::new(&undo, None).map_err(|_| malformed("operations.body"))?;
    operations::insert(connection, &[&new])?;
    audit::insert(connection, &[line])?;
    Ok(Some(undo.id))
}

impl Store {
    /// Writes the operation that undoes another (its `undoes`), with the audit line. Answers the id of the operation that
    /// undoes it, which is another where somebody was faster; none where there is no such operation.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn undo_operation(
        &self,
        undo: Operation,
        line: AuditLine,
        now: Timestamp,
    ) -> Result<Option<OperationId>, StoreError> {
        let line = AuditRow::new(line, Some(undo.session), now)?;
        self.write(move |connection| link(connection, &undo, &line, now)).await
    }
}
