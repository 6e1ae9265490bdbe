//! Questions that many ask at the same time, read together.
//!
//! One reader at a time answers all that wait, with one statement on PostgreSQL however many they are; whoever comes
//! meanwhile is answered with the next. It waits for nobody, so a lone caller loses nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::connection::Link;
use super::error::{Failure, StoreError};
use super::reader::{Reader, Readers};

/// The most questions answered together.
const MAX_BATCH: usize = 256;

/// Finds the answers to some questions, in their order.
type Find<Q, A> = fn(&mut Link, &[Q]) -> Result<Vec<A>, Failure>;

/// Those who wait for an answer to one kind of question.
pub(super) struct Lookups<Q, A> {
    state: Mutex<State<Q, A>>,
    capacity: usize,
    find: Find<Q, A>,
}

struct State<Q, A> {
    waiting: Vec<(Q, oneshot::Sender<Result<A, StoreError>>)>,
    /// Whether a reader is at it.
    running: bool,
}

impl<Q: Send + 'static, A: Send + 'static> Lookups<Q, A> {
    /// At most `capacity` may wait; more are refused.
    pub(super) fn new(capacity: usize, find: Find<Q, A>) -> Self {
        Self { state: Mutex::new(State { waiting: Vec::new(), running: false }), capacity, find }
    }

    fn state(&self) -> MutexGuard<'_, State<Q, A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn ask(self: &Arc<Self>, readers: &Readers, question: Q) -> Result<A, StoreError> {
        let (waiter, answer) = oneshot::channel();
        {
            let mut state = self.state();
            if state.waiting.len() >= self.capacity {
                return Err(StoreError::Busy);
            }
            if !state.running {
                let lookups = Arc::clone(self);
                readers.push(Box::new(move |reader| lookups.answer_all(reader)))?;
                state.running = true;
            }
            state.waiting.push((question, waiter));
        }
        answer.await.map_err(StoreError::unavailable)?
    }

    /// Answers until nobody waits.
    fn answer_all(&self, reader: &mut Reader) {
        loop {
            let batch: Vec<_> = {
                let mut state = self.state();
                // Nobody waits for what a caller that went away asked.
                state.waiting.retain(|(_, waiter)| !waiter.is_closed());
                let most = state.waiting.len().min(MAX_BATCH);
                state.running = most > 0;
                state.waiting.drain(..most).collect()
            };
            if batch.is_empty() {
                return;
            }
            let (questions, waiters): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            match reader.read(&|connection: &mut Link| (self.find)(connection, &questions)) {
                Ok(found) => waiters.into_iter().zip(found).for_each(|(waiter, one)| {
                    waiter.send(Ok(one)).ok();
                }),
                // What cannot be read of one must not fail the others.
                Err(StoreError::Corrupt(_)) => {
                    waiters.into_iter().zip(&questions).for_each(|(waiter, one)| {
                        waiter.send(self.alone(reader, one)).ok();
                    })
                }
                Err(error) => waiters.into_iter().for_each(|waiter| {
                    waiter.send(Err(StoreError::unavailable(error.to_string()))).ok();
                }),
            }
        }
    }

    fn alone(&self, reader: &mut Reader, question: &Q) -> Result<A, StoreError> {
        let questions = std::slice::from_ref(question);
        let found = reader.read(&|connection: &mut Link| (self.find)(connection, questions))?;
        found.into_iter().next().ok_or_else(|| StoreError::corrupt("a question without an answer"))
    }
}
