//! Opening, asking and closing the store.

use std::any::Any;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::Store;
use super::begin::{self, Begin, Begun};
use super::change::{self, Change, Changed};
use super::command::{Command, Waiter};
use super::connection::{Link, lock};
use super::error::{Failure, StoreError};
use super::migrations::check;
use super::reader::{Reader, Readers};
use super::sessions::{self, Sessions};
use super::subscribers::{self, Subscribers};
use super::url::DatabaseUrl;
use super::writer::Writer;

/// How to open the store.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Where the database is.
    pub url: DatabaseUrl,
    /// Threads that write, 1 to 64; SQLite always has one. Of several, the last is kept for what is rare and may take long.
    pub writers: usize,
    /// Threads that read, 1 to 64.
    pub readers: usize,
    /// How many commands wait for each writer, and how many reads for the readers, before more are refused.
    pub queue_capacity: usize,
}

impl StoreOptions {
    /// Two writers, eight readers, queues of 1024.
    #[must_use]
    pub fn new(url: DatabaseUrl) -> Self {
        Self { url, writers: 2, readers: 8, queue_capacity: 1024 }
    }
}

pub(super) struct Shared {
    writers: Vec<Writer>,
    pub(super) readers: Readers,
    pub(super) subscribers: Arc<Subscribers>,
    pub(super) sessions: Arc<Sessions>,
    write_threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Shared {
    fn take_write_threads(&self) -> Vec<JoinHandle<()>> {
        let mut threads = self.write_threads.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *threads)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("writers", &self.shared.writers.len()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database.
    ///
    /// # Errors
    /// When it cannot be reached, its schema is behind or ahead, or another process holds the SQLite file.
    pub async fn open(options: StoreOptions) -> Result<Self, StoreError> {
        tokio::task::spawn_blocking(move || Self::open_now(&options))
            .await
            .map_err(StoreError::unavailable)?
    }

    fn open_now(options: &StoreOptions) -> Result<Self, StoreError> {
        let url = &options.url;
        let held = lock(url)?;
        let mut checked = Reader::open(url)?;
        check(checked.connection()?)?;
        let mut checked = Some(checked);
        let count = if url.is_sqlite() { 1 } else { options.writers.clamp(1, 64) };
        let (mut writers, mut threads) = (Vec::new(), Vec::new());
        for number in 0..count {
            let reader = checked.take().map_or_else(|| Reader::open(url), Ok)?;
            let (writer, thread) = Writer::start(reader, number, options.queue_capacity, held.clone())?;
            writers.push(writer);
            threads.push(thread);
        }
        let readers = Readers::start(url, options.readers.clamp(1, 64), options.queue_capacity)?;
        let shared = Shared {
            writers,
            readers,
            subscribers: Arc::new(subscribers::lookups(options.queue_capacity)),
            sessions: Arc::new(sessions::lookups(options.queue_capacity)),
            write_threads: Mutex::new(threads),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(|connection| match connection.answers() {
            true => Ok(()),
            false => Err(diesel::result::Error::BrokenTransactionManager.into()),
        })
        .await
    }

    /// Carries out what has been queued, then stops; later commands are refused.
    pub async fn close(&self) {
        for writer in &self.shared.writers {
            writer.stop().await;
        }
        let mut threads = self.shared.readers.close();
        threads.append(&mut self.shared.take_write_threads());
        let joining = move || threads.into_iter().for_each(|thread| drop(thread.join()));
        tokio::task::spawn_blocking(joining).await.ok();
    }

    /// Writes a new session with all that belongs to it.
    ///
    /// # Errors
    /// When it cannot be written, or the queue is full and the command is not patient.
    pub async fn begin(&self, command: Begin) -> Result<Begun, StoreError> {
        let patient = command.patient;
        let prepared = Box::new(begin::Prepared::new(command)?);
        let writer = self.writer_of(prepared.subscription());
        self.send(writer, |waiter| Command::Begin(prepared, waiter), patient).await
    }

    /// Changes a session, its operations and what goes with them, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written, or the queue is full and the command is not patient.
    pub async fn change(&self, command: Change) -> Result<Changed, StoreError> {
        let patient = command.patient;
        let prepared = Box::new(change::Prepared::new(command)?);
        let writer = self.writer_of(prepared.subscription());
        self.send(writer, |waiter| Command::Change(prepared, waiter), patient).await
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl Fn(&mut Link) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.shared.readers.read(query).await
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Link) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let work = move |connection: &mut Link| {
            work(connection).map(|done| -> Box<dyn Any + Send> { Box::new(done) })
        };
        let answer = self
            .send(self.shared.writers.last(), |waiter| Command::Other(Box::new(work), waiter), false)
            .await?;
        let answer = answer.downcast().map_err(|_| StoreError::corrupt("an answer of another type"))?;
        Ok(*answer)
    }

    async fn send<T>(
        &self,
        writer: Option<&Writer>,
        command: impl FnOnce(Waiter<T>) -> Command,
        patient: bool,
    ) -> Result<T, StoreError> {
        let (waiter, answer) = oneshot::channel();
        let writer = writer.ok_or_else(|| StoreError::unavailable("the store has no writer"))?;
        writer.send(command(waiter), patient).await?;
        answer.await.map_err(StoreError::unavailable)?
    }

    /// Everything about one subscription goes to one writer, so that our own do not wait for each other. The last writer
    /// is left to what is rare and may take long, if it is not the only one.
    fn writer_of(&self, subscription: &str) -> Option<&Writer> {
        let writers = self.shared.writers.as_slice();
        let writers = writers
            .split_last()
            .filter(|(_, others)| !others.is_empty())
            .map_or(writers, |(_, others)| others);
        let mut hasher = DefaultHasher::new();
        subscription.hash(&mut hasher);
        let count = u64::try_from(writers.len()).unwrap_or(1).max(1);
        writers.get(usize::try_from(hasher.finish() % count).unwrap_or(0))
    }
}
