//! Group commit: each writer is a thread with its own connection that takes all that has queued up, carries it out
//! in one transaction, commits once and only then answers.
//!
//! A batch that fails is rolled back and replayed one command at a time, so that one bad command harms no other.

use std::thread::JoinHandle;

use tokio::sync::mpsc;

use super::batch::{self, Batch};
use super::command::Command;
use super::connection::FileLock;
use super::error::StoreError;
use super::reader::Reader;

/// The most commands in one transaction. More would not be cheaper, and while the database writes them the requests that
/// come behind them would all wait at the same place.
const MAX_BATCH: usize = 32;

/// One writer's queue.
pub(super) struct Writer {
    queue: mpsc::Sender<Command>,
}

impl Writer {
    pub(super) fn start(
        reader: Reader,
        number: usize,
        capacity: usize,
        lock: FileLock,
    ) -> Result<(Self, JoinHandle<()>), StoreError> {
        let (queue, commands) = mpsc::channel(capacity.max(1));
        let thread = std::thread::Builder::new().name(format!("store-write-{number}")).spawn(move || {
            run(reader, commands);
            drop(lock);
        });
        Ok((Self { queue }, thread.map_err(StoreError::unavailable)?))
    }

    /// Queues a command: at once or not at all, unless it is patient.
    pub(super) async fn send(&self, command: Command, patient: bool) -> Result<(), StoreError> {
        if patient {
            return self.queue.send(command).await.map_err(|_| closed());
        }
        self.queue.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => closed(),
        })
    }

    pub(super) async fn stop(&self) {
        // Already stopped is as good.
        self.queue.send(Command::Stop).await.ok();
    }
}

fn closed() -> StoreError {
    StoreError::unavailable("the store is closed")
}

fn run(mut reader: Reader, mut commands: mpsc::Receiver<Command>) {
    let mut going = true;
    while going {
        let Some(first) = commands.blocking_recv() else {
            return;
        };
        let mut batch = Batch::default();
        going = batch.add(first);
        while going && batch.len() < MAX_BATCH {
            let Ok(command) = commands.try_recv() else { break };
            going = batch.add(command);
        }
        batch::write(&mut reader, batch);
    }
}
