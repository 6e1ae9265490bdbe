//! Begins as one statement, which PostgreSQL carries out and makes durable in a single trip, whether they are many or one.

use std::collections::HashSet;

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::Text;

use super::begin::Prepared;
use super::decisions::{DecisionValues, DecisionsOfBegun};
use super::exposures::{ExposureValues, ExposuresOfBegun};
use super::offers::{OfferValues, OffersOfBegun};
use super::session_rows::{InsertSession, InsertSessions};
use super::statement::answers;

/// Sessions with what belongs to them; answers the ids of those that met no other.
struct InsertBegun<'a> {
    sessions: InsertSessions<'a>,
    offers: OffersOfBegun<'a>,
    decisions: DecisionsOfBegun<'a>,
    exposures: ExposuresOfBegun<'a>,
}

answers!(InsertBegun<'_>, InsertBegun<'static> => Text, always_the_same: true);
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

/// The same for one, in rows written out: to set up an array for each column costs more than the row.
struct InsertOne<'a> {
    session: InsertSession<'a>,
    offers: Vec<OfferValues<'a>>,
    decision: [DecisionValues<'a>; 1],
    exposures: Vec<ExposureValues<'a>>,
}

impl<'a> InsertOne<'a> {
    fn new(begin: &'a Prepared) -> Self {
        Self {
            session: InsertSession(&begin.session),
            offers: begin.offers.iter().map(OfferValues).collect(),
            decision: [DecisionValues(&begin.decision)],
            exposures: begin.exposures.iter().map(ExposureValues).collect(),
        }
    }
}

// Its words follow the number of offers and of experiments.
answers!(InsertOne<'_>, InsertOne<'static> => Text, always_the_same: false);
impl QueryFragment<Pg> for InsertOne<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH begun AS (");
        self.session.walk_ast(out.reborrow())?;
        out.push_sql(" RETURNING id)");
        let columns = "id, session_id, ordinal, key, offer_type, state, presented_at, decided_at, cost";
        of_begun("session_offers", columns, &self.offers, out.reborrow())?;
        let columns = "session_id, ordinal, at, body";
        of_begun("session_decisions", columns, &self.decision, out.reborrow())?;
        let columns = "session_id, experiment, arm, propensity, shares, exposed_at";
        of_begun("session_experiments", columns, &self.exposures, out.reborrow())?;
        out.push_sql(" SELECT id FROM begun");
        Ok(())
    }
}

/// Rows that are inserted if the session is.
fn of_begun<'b>(
    table: &str,
    columns: &str,
    rows: &'b [impl QueryFragment<Pg>],
    mut out: AstPass<'_, 'b, Pg>,
) -> QueryResult<()> {
    let Some((first, others)) = rows.split_first() else { return Ok(()) };
    out.push_sql(&format!(", of_{table} AS (INSERT INTO {table} ({columns}) SELECT r.* FROM (VALUES "));
    first.walk_ast(out.reborrow())?;
    for row in others {
        out.push_sql(", ");
        row.walk_ast(out.reborrow())?;
    }
    out.push_sql(") AS r WHERE EXISTS (SELECT FROM begun))");
    Ok(())
}

/// Inserts begins that are nothing but new rows ([`Prepared::is_plain`]), outside of a transaction. The ids of those that
/// are written; the others met another session and have left nothing behind.
pub(super) fn insert(pg: &mut PgConnection, begins: &[&Prepared]) -> QueryResult<HashSet<String>> {
    if let [begin] = begins {
        return Ok(InsertOne::new(begin).load(pg)?.into_iter().collect());
    }
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
