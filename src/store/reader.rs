//! Threads that read, each with a connection of its own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, Thread};

use tokio::sync::oneshot;

use super::connection::{Link, Plans, establish};
use super::error::{Failure, StoreError};
use super::url::DatabaseUrl;

type Job = Box<dyn FnOnce(&mut Reader) + Send>;

/// A connection that is made anew when it has been lost.
pub(super) struct Reader {
    url: DatabaseUrl,
    plans: Plans,
    connection: Option<Link>,
}

impl Reader {
    /// A writer's.
    pub(super) fn open(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let plans = Plans::ByKey;
        let connection = establish(url, plans)?;
        Ok(Self { url: url.clone(), plans, connection: Some(connection) })
    }

    /// One that connects when it is first asked, or before.
    fn later(url: &DatabaseUrl) -> Self {
        Self { url: url.clone(), plans: Plans::Any, connection: None }
    }

    pub(super) fn connection(&mut self) -> Result<&mut Link, StoreError> {
        let live = match self.connection.take() {
            Some(connection) => connection,
            None => establish(&self.url, self.plans)?,
        };
        Ok(self.connection.insert(live))
    }

    /// Drops the connection if the database no longer answers on it. Says whether it did.
    pub(super) fn drop_if_lost(&mut self) -> bool {
        let lost = self.connection.as_mut().is_none_or(|connection| !connection.answers());
        if lost {
            self.connection = None;
        }
        lost
    }

    /// Ends a transaction that failed; a connection that cannot is given up.
    pub(super) fn roll_back(&mut self) {
        let ended = self.connection.as_mut().is_some_and(|connection| connection.rollback().is_ok());
        // SQLite ends some failed transactions by itself and then refuses the rollback.
        if !ended {
            self.connection = None;
        }
    }

    pub(super) fn read<T>(
        &mut self,
        query: &impl Fn(&mut Link) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        match query(self.connection()?) {
            Err(Failure::Database(_)) if self.drop_if_lost() => {
                query(self.connection()?).map_err(StoreError::from)
            }
            outcome => outcome.map_err(StoreError::from),
        }
    }
}

struct Queue {
    waiting: Mutex<Waiting>,
    capacity: usize,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Threads without work. The last one gets the next job: what it and its connection need is still at hand, while
    /// taking turns costs the database a third more for a lone begin.
    idle: Vec<Thread>,
    closed: bool,
}

/// The threads and the queue they share.
pub(super) struct Readers {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    pub(super) fn start(url: &DatabaseUrl, count: usize, capacity: usize) -> Result<Self, StoreError> {
        let queue = Arc::new(Queue { waiting: Mutex::default(), capacity });
        let mut threads = Vec::new();
        for number in 0..count.max(1) {
            let mut reader = Reader::later(url);
            let queue = Arc::clone(&queue);
            let thread = std::thread::Builder::new().name(format!("store-read-{number}")).spawn(move || {
                // Each for itself, so that the start waits for none; one that fails here tries again with its first job.
                reader.connection().ok();
                while let Some(job) = queue.next() {
                    job(&mut reader);
                }
            });
            threads.push(thread.map_err(StoreError::unavailable)?);
        }
        Ok(Self { queue, threads: Mutex::new(threads) })
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl Fn(&mut Link) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.push(Box::new(move |reader| {
            // Nobody waits for what a caller that went away asked.
            if !answer.is_closed() {
                answer.send(reader.read(&query)).ok();
            }
        }))?;
        answered.await.map_err(StoreError::unavailable)?
    }

    /// Queues work for the next thread that is free.
    pub(super) fn push(&self, job: Job) -> Result<(), StoreError> {
        self.queue.push(job)
    }

    /// Lets the threads finish what has been asked. Returns them, to be waited for.
    pub(super) fn close(&self) -> Vec<JoinHandle<()>> {
        self.queue.close();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *threads)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Job) -> Result<(), StoreError> {
        let mut waiting = self.waiting();
        if waiting.closed {
            return Err(StoreError::unavailable("the store is closed"));
        }
        if waiting.jobs.len() >= self.capacity {
            return Err(StoreError::Busy);
        }
        waiting.jobs.push_back(job);
        let woken = waiting.idle.pop();
        drop(waiting);
        if let Some(thread) = woken {
            thread.unpark();
        }
        Ok(())
    }

    fn next(&self) -> Option<Job> {
        let this = std::thread::current();
        loop {
            let mut waiting = self.waiting();
            // A thread may wake up without having been woken.
            waiting.idle.retain(|idle| idle.id() != this.id());
            if let Some(job) = waiting.jobs.pop_front() {
                return Some(job);
            }
            if waiting.closed {
                return None;
            }
            waiting.idle.push(this.clone());
            drop(waiting);
            std::thread::park();
        }
    }

    fn close(&self) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        let idle = std::mem::take(&mut waiting.idle);
        drop(waiting);
        idle.iter().for_each(Thread::unpark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_thread_that_read_last_reads_next() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display()).parse().unwrap();
        let readers = Readers::start(&url, 4, 8).unwrap();
        let mut names = std::collections::HashSet::new();
        for _ in 0..20 {
            while readers.queue.waiting().idle.len() < 4 {
                std::thread::yield_now();
            }
            let name = readers.read(|_| Ok(std::thread::current().name().map(str::to_owned)));
            names.insert(name.await.unwrap());
        }
        assert_eq!(names.len(), 1);
        readers.close().into_iter().for_each(|thread| thread.join().unwrap());
    }

    #[tokio::test]
    async fn everything_asked_is_answered_by_however_few() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display()).parse().unwrap();
        let readers = Readers::start(&url, 3, 1_000).unwrap();
        let asked = (0..500).map(|number| readers.read(move |_| Ok(number)));
        let answers = futures_util::future::join_all(asked).await;
        let answers: Vec<i32> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, (0..500).collect::<Vec<_>>());
        let threads = readers.close();
        assert!(readers.read(|_| Ok(())).await.is_err());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
