//! Begins as one statement, which PostgreSQL carries out and makes durable in a single trip, whether they are many or one.

use std::collections::HashSet;

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Text;

use super::begin::Prepared;
use super::decisions::DecisionsOfBegun;
use super::exposures::ExposuresOfBegun;
use super::offers::OffersOfBegun;
use super::session_rows::InsertSessions;

/// Sessions with what belongs to them; answers the ids of those that met no other.
struct InsertBegun<'a> {
    sessions: InsertSessions<'a>,
    offers: OffersOfBegun<'a>,
    decisions: DecisionsOfBegun<'a>,
    exposures: ExposuresOfBegun<'a>,
}

impl QueryId for InsertBegun<'_> {
    type QueryId = InsertBegun<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}
impl Query for InsertBegun<'_> {
    type SqlType = Text;
}
impl RunQueryDsl<PgConnection> for InsertBegun<'_> {}
impl QueryFragment<Pg> for InsertBegun<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH begun AS (");
        self.sessions.walk_ast(out.reborrow())?;
        out.push_sql("), offered AS (");
        self.offers.walk_ast(out.reborrow())?;
        out.push_sql("), decided AS (");
        self.decisions.walk_ast(out.reborrow())?;
        out.push_sql("), exposed AS (");
        self.exposures.walk_ast(out.reborrow())?;
        out.push_sql(") SELECT id FROM begun");
        Ok(())
    }
}

/// Inserts begins that are nothing but new rows ([`Prepared::is_plain`]), outside of a transaction. The ids of those that
/// are written; the others met another session and have left nothing behind.
pub(super) fn insert(pg: &mut PgConnection, begins: &[&Prepared]) -> QueryResult<HashSet<String>> {
    let mut begins = begins.to_vec();
    // Everybody inserts in one order, so that nobody waits in a ring.
    begins.sort_by(|a, b| (a.subscription(), &a.session.id).cmp(&(b.subscription(), &b.session.id)));
    let sessions: Vec<_> = begins.iter().map(|begin| &begin.session).collect();
    let offers: Vec<_> = begins.iter().flat_map(|begin| &begin.offers).collect();
    let decisions: Vec<_> = begins.iter().map(|begin| &begin.decision).collect();
    let exposures: Vec<_> = begins.iter().flat_map(|begin| &begin.exposures).collect();
    let insert = InsertBegun {
        sessions: InsertSessions::new(&sessions),
        offers: OffersOfBegun::new(&offers),
        decisions: DecisionsOfBegun::new(&decisions),
        exposures: ExposuresOfBegun::new(&exposures),
    };
    Ok(insert.load(pg)?.into_iter().collect())
}
