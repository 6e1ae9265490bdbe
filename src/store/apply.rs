//! Carrying out changes together.
//!
//! Mostly nothing is in the way: then one statement writes all. Else steps run over all changes at once, guards first. A
//! change that a guard refuses drops out; where it has written something by then, the whole transaction is given up and
//! each change is replayed alone, where giving up is free.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use diesel::QueryResult;

use super::change::{Changed, Prepared};
use super::connection::Link;
use super::error::Failure;
use super::stop::Stop;
use super::{
    asks, audit, budgets, change_at_once, customer_caps, decisions, departures, events, exposures, offers,
    operations, saved_answers, session_rows, signals, snapshots, webhook_events,
};

/// A change with its answer, once it is refused.
struct Run<'a> {
    change: &'a Prepared,
    refused: Option<Changed>,
}

/// Carries out changes that are expected to go through; what became of each, in their order. PostgreSQL gets them as one
/// statement where they are plain, and the transaction must be given up if a guard refuses one of them.
pub(super) fn together(connection: &mut Link, changes: &[&Prepared]) -> Result<Vec<Changed>, Stop> {
    let plain = changes.iter().all(|change| change.is_plain());
    if changes.is_empty() || !plain || !matches!(connection, Link::Postgres(_)) {
        return execute(connection, changes);
    }
    let runs = runs_of(changes);
    hold_customers(connection, &runs)?;
    take_budgets(connection, &runs)?;
    give_back(connection, &runs)?;
    if let Link::Postgres(pg) = connection
        && !change_at_once::write(pg, changes)?
    {
        return Err(Stop::Refused(Box::new(Changed::Stale)));
    }
    Ok(changes.iter().map(|_| Changed::Done).collect())
}

/// Carries out changes step by step; what became of each, in their order.
pub(super) fn execute(connection: &mut Link, changes: &[&Prepared]) -> Result<Vec<Changed>, Stop> {
    let mut runs = runs_of(changes);
    save_answers(connection, &mut runs)?;
    note_events(connection, &mut runs)?;
    update_sessions(connection, &mut runs)?;
    update_operations(connection, &mut runs)?;
    hold_customers(connection, &runs)?;
    take_budgets(connection, &runs)?;
    give_back(connection, &runs)?;
    append(connection, &runs)?;
    Ok(runs.into_iter().map(|run| run.refused.unwrap_or(Changed::Done)).collect())
}

fn runs_of<'a>(changes: &[&'a Prepared]) -> Vec<Run<'a>> {
    changes.iter().map(|change| Run { change, refused: None }).collect()
}

fn live<'a>(runs: &'a [Run<'a>]) -> impl Iterator<Item = &'a Prepared> {
    runs.iter().filter(|run| run.refused.is_none()).map(|run| run.change)
}

fn live_mut<'r, 'a>(runs: &'r mut [Run<'a>]) -> impl Iterator<Item = &'r mut Run<'a>> {
    runs.iter_mut().filter(|run| run.refused.is_none())
}

fn save_answers(connection: &mut Link, runs: &mut [Run<'_>]) -> Result<(), Stop> {
    let mut rows: Vec<_> = live(runs).filter_map(|change| change.saved.as_ref()).collect();
    let mut saved = saved_answers::insert(connection, &mut rows)?;
    for run in runs {
        let Some(row) = &run.change.saved else { continue };
        if !saved.remove(&row.id()) {
            let found = saved_answers::find(connection, &row.caller, &row.key)?;
            run.refused = Some(Changed::Replayed(found.ok_or(Failure::Again)?));
        }
    }
    Ok(())
}

fn note_events(connection: &mut Link, runs: &mut [Run<'_>]) -> Result<(), Stop> {
    for run in live_mut(runs) {
        let Some((event, at)) = &run.change.webhook_event else {
            continue;
        };
        if !webhook_events::insert(connection, event, *at)? {
            let writes = run.change.saved.is_some();
            refuse(run, Changed::DuplicateEvent, writes)?;
        }
    }
    Ok(())
}

fn update_sessions(connection: &mut Link, runs: &mut [Run<'_>]) -> Result<(), Stop> {
    // Of several changes of one session the first goes with the others; those behind it find out by themselves.
    let mut first: HashMap<&str, usize> = HashMap::new();
    let (mut together, mut behind) = (Vec::new(), Vec::new());
    for (index, run) in runs.iter().enumerate().filter(|(_, run)| run.refused.is_none()) {
        let Some(row) = &run.change.session else { continue };
        match first.entry(&row.id) {
            Entry::Vacant(place) => {
                place.insert(index);
                together.push(row);
            }
            Entry::Occupied(_) => behind.push((index, row)),
        }
    }
    let updated = session_rows::update(connection, &mut together)?;
    let mut done: HashSet<usize> = updated.iter().filter_map(|id| first.get(id.as_str()).copied()).collect();
    for (index, row) in behind {
        if !session_rows::update(connection, &mut [row])?.is_empty() {
            done.insert(index);
        }
    }
    for (_, run) in runs.iter_mut().enumerate().filter(|(index, _)| !done.contains(index)) {
        if run.refused.is_some() || run.change.session.is_none() {
            continue;
        }
        if let Some(saved) = &run.change.saved {
            saved_answers::delete(connection, saved)?;
        }
        let writes = run.change.webhook_event.is_some();
        refuse(run, Changed::Stale, writes)?;
    }
    Ok(())
}

fn update_operations(connection: &mut Link, runs: &mut [Run<'_>]) -> Result<(), Stop> {
    let updates: Vec<_> = live(runs).filter_map(|change| change.operation.as_ref()).collect();
    let updated = operations::update_held(connection, &updates)?;
    let with_operation = live_mut(runs).filter(|run| run.change.operation.is_some());
    for (run, updated) in with_operation.zip(updated) {
        if !updated {
            let change = run.change;
            let writes = change.session.is_some() || change.saved.is_some() || change.webhook_event.is_some();
            refuse(run, Changed::Stale, writes)?;
        }
    }
    Ok(())
}

fn refuse(run: &mut Run<'_>, answer: Changed, writes: bool) -> Result<(), Stop> {
    if writes {
        return Err(Stop::Refused(Box::new(answer)));
    }
    run.refused = Some(answer);
    Ok(())
}

fn hold_customers(connection: &mut Link, runs: &[Run<'_>]) -> Result<(), Stop> {
    let capped: Vec<_> = live(runs).filter(|change| !change.customer_caps.is_empty()).collect();
    let customers: HashSet<_> =
        capped.iter().filter_map(|change| change.customer_caps.first()).map(|cap| &cap.customer).collect();
    let caps: Vec<_> = capped.iter().flat_map(|change| &change.customer_caps).collect();
    // Two of one customer in one transaction do not see each other; alone, they do.
    let apart = customers.len() == capped.len();
    if apart && (caps.is_empty() || customer_caps::hold(connection, &caps)?) {
        return Ok(());
    }
    Err(Stop::Refused(Box::new(Changed::CapReached)))
}

fn take_budgets(connection: &mut Link, runs: &[Run<'_>]) -> Result<(), Stop> {
    let takes: Vec<_> = live(runs).flat_map(|change| &change.budget).collect();
    match budgets::take(connection, &takes)? {
        None => Ok(()),
        // Alone, this is the answer; together, nobody knows yet whose it is.
        Some(spent) => {
            let index = takes.iter().position(|take| take.budget == spent);
            Err(Stop::Refused(Box::new(Changed::BudgetSpent(index.unwrap_or(0)))))
        }
    }
}

fn give_back(connection: &mut Link, runs: &[Run<'_>]) -> QueryResult<()> {
    for hold in live(runs).flat_map(|change| &change.budget_return) {
        budgets::give_back(connection, &hold.budget, hold.amount)?;
    }
    Ok(())
}

/// What can be refused no more.
fn append(connection: &mut Link, runs: &[Run<'_>]) -> Result<(), Stop> {
    let rows: Vec<_> = live(runs).flat_map(|change| &change.new_operations).collect();
    operations::insert(connection, &rows)?;
    for change in live(runs) {
        if let (Some(session), Some(_)) = (&change.session, &change.decision) {
            offers::withdraw(connection, &session.id, &change.offers)?;
        }
        asks::put(connection, &change.asks)?;
        departures::put(connection, &change.departures)?;
        if let Some(row) = &change.update_saved {
            saved_answers::overwrite(connection, row)?;
        }
    }
    let rows: Vec<_> = live(runs).filter_map(|change| change.snapshot.as_ref()).collect();
    snapshots::put(connection, rows)?;
    for (subscription, now) in live(runs).filter_map(|change| change.recheck.as_ref()) {
        signals::recheck_one(connection, subscription, *now)?;
    }
    let rows: Vec<_> = live(runs).flat_map(|change| &change.offers).collect();
    offers::put(connection, &rows)?;
    let rows: Vec<_> = live(runs).filter_map(|change| change.decision.as_ref()).collect();
    decisions::insert(connection, &rows)?;
    let rows: Vec<_> = live(runs).flat_map(|change| &change.exposures).collect();
    exposures::insert(connection, &rows)?;
    let rows: Vec<_> = live(runs).filter_map(|change| change.audit.as_ref()).collect();
    audit::insert(connection, &rows)?;
    let rows: Vec<_> = live(runs).flat_map(|change| &change.events).collect();
    events::insert(connection, &rows)?;
    Ok(())
}
