//! One transaction of a writer: everything together, or, when that fails, each command alone.

use super::apply;
use super::begin::{self, Begun};
use super::begin_at_once;
use super::change::{self, Changed};
use super::command::{Answer, Command, Waiter, Work};
use super::connection::Link;
use super::error::{Failure, StoreCause};
use super::reader::Reader;
use super::stop::Stop;

/// How often a command is tried alone when other processes get in its way (deadlocks, races for a number).
const MAX_TRIES: usize = 8;

/// What one transaction carries out, by kind.
#[derive(Default)]
pub(super) struct Batch {
    begins: Vec<begin::Prepared>,
    begin_waiters: Vec<Waiter<Begun>>,
    changes: Vec<change::Prepared>,
    change_waiters: Vec<Waiter<Changed>>,
    others: Vec<(Work, Waiter<Answer>)>,
}

impl Batch {
    /// Adds a command; says whether more may follow.
    pub(super) fn add(&mut self, command: Command) -> bool {
        match command {
            Command::Begin(begin, waiter) => {
                self.begins.push(*begin);
                self.begin_waiters.push(waiter);
            }
            Command::Change(change, waiter) => {
                self.changes.push(*change);
                self.change_waiters.push(waiter);
            }
            Command::Other(work, waiter) => self.others.push((work, waiter)),
            Command::Stop => return false,
        }
        true
    }

    /// Whether it is nothing but begins that are nothing but new rows.
    fn is_plain_begins(&self) -> bool {
        self.changes.is_empty() && self.others.is_empty() && self.begins.iter().all(begin::Prepared::is_plain)
    }

    pub(super) fn len(&self) -> usize {
        self.begins.len() + self.changes.len() + self.others.len()
    }
}

/// Carries out a batch and answers each waiter.
pub(super) fn write(reader: &mut Reader, mut batch: Batch) {
    if batch.is_plain_begins() {
        at_once(reader, &mut batch);
    }
    // Alone, a command needs no second try by itself, unless there is a quicker way that may not lead to the end.
    if batch.len() > 1 || !batch.changes.is_empty() {
        match transaction(reader, |connection| all(connection, &batch)) {
            Ok(written) => return answer(batch, written),
            Err(Stop::Unknown(_)) => return,
            Err(Stop::Refused(_) | Stop::Failed(_) | Stop::Unreachable(_)) => {}
        }
    }
    for (begin, waiter) in batch.begins.into_iter().zip(batch.begin_waiters) {
        let one = match alone(reader, |c| one_of(begin::execute(c, &[&begin])?)) {
            Err(Stop::Refused(_)) => Ok(Begun::BudgetSpent),
            other => other.map_err(Stop::error),
        };
        waiter.send(one).ok();
    }
    for (change, waiter) in batch.changes.into_iter().zip(batch.change_waiters) {
        let one = match alone(reader, |c| one_of(apply::execute(c, &[&change])?)) {
            Err(Stop::Refused(changed)) => Ok(*changed),
            other => other.map_err(Stop::error),
        };
        waiter.send(one).ok();
    }
    for (work, waiter) in batch.others {
        waiter.send(alone(reader, |c| Ok(work(c)?)).map_err(Stop::error)).ok();
    }
}

/// Begins all in one statement, where the database takes one, and answers those that it has written. The others are left
/// in the batch: all of them where it failed, written or not, since a begin finds itself again.
fn at_once(reader: &mut Reader, batch: &mut Batch) {
    let Ok(Link::Postgres(pg)) = reader.connection() else { return };
    let begins: Vec<&begin::Prepared> = batch.begins.iter().collect();
    let Ok(written) = begin_at_once::insert(pg, &begins) else {
        reader.drop_if_lost();
        return;
    };
    let waiting = std::mem::take(&mut batch.begins).into_iter().zip(std::mem::take(&mut batch.begin_waiters));
    for (begin, waiter) in waiting {
        if written.contains(&begin.session.id) {
            waiter.send(Ok(Begun::Created)).ok();
        } else {
            batch.begins.push(begin);
            batch.begin_waiters.push(waiter);
        }
    }
}

type Written = (Vec<Begun>, Vec<Changed>, Vec<Answer>);

fn all(connection: &mut Link, batch: &Batch) -> Result<Written, Stop> {
    let begins: Vec<&begin::Prepared> = batch.begins.iter().collect();
    let begun = begin::execute(connection, &begins)?;
    let changes: Vec<&change::Prepared> = batch.changes.iter().collect();
    let changed = apply::together(connection, &changes)?;
    let others = batch.others.iter().map(|(work, _)| work(connection));
    Ok((begun, changed, others.collect::<Result<_, _>>()?))
}

fn answer(batch: Batch, (begun, changed, others): Written) {
    for (waiter, begun) in batch.begin_waiters.into_iter().zip(begun) {
        waiter.send(Ok(begun)).ok();
    }
    for (waiter, changed) in batch.change_waiters.into_iter().zip(changed) {
        waiter.send(Ok(changed)).ok();
    }
    for ((_, waiter), other) in batch.others.into_iter().zip(others) {
        waiter.send(Ok(other)).ok();
    }
}

fn one_of<T>(answers: Vec<T>) -> Result<T, Stop> {
    let missing = || Failure::Corrupt(StoreCause::new("a command without an answer"));
    answers.into_iter().next().ok_or_else(|| missing().into())
}

/// Carries out one command in a transaction of its own, again where another process got in its way.
fn alone<T>(reader: &mut Reader, work: impl Fn(&mut Link) -> Result<T, Stop>) -> Result<T, Stop> {
    let mut tries = 0;
    loop {
        tries += 1;
        match transaction(reader, &work) {
            Err(Stop::Failed(failure)) if failure.is_passing() && tries < MAX_TRIES => {}
            // Before the commit nothing is written, so a lost connection costs one more try.
            Err(Stop::Failed(Failure::Database(_))) if reader.drop_if_lost() && tries < MAX_TRIES => {}
            outcome => return outcome,
        }
    }
}

fn transaction<T>(reader: &mut Reader, work: impl Fn(&mut Link) -> Result<T, Stop>) -> Result<T, Stop> {
    let connection = reader.connection().map_err(Stop::Unreachable)?;
    let done = match connection.begin() {
        Ok(()) => work(connection),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(done) => match connection.commit() {
            Ok(()) => Ok(done),
            // Refused with the connection alive means rolled back; else nobody knows.
            Err(error) if reader.drop_if_lost() => Err(Stop::Unknown(error)),
            Err(error) => {
                reader.roll_back();
                Err(error.into())
            }
        },
        Err(stop) => {
            reader.roll_back();
            Err(stop)
        }
    }
}
