//! What writers are told to do.

use std::any::Any;

use tokio::sync::oneshot;

use super::begin::{self, Begun};
use super::change::{self, Changed};
use super::connection::Link;
use super::error::{Failure, StoreError};

pub(super) type Waiter<T> = oneshot::Sender<Result<T, StoreError>>;
pub(super) type Answer = Box<dyn Any + Send>;
pub(super) type Work = Box<dyn Fn(&mut Link) -> Result<Answer, Failure> + Send>;

/// One thing to write.
pub(super) enum Command {
    Begin(Box<begin::Prepared>, Waiter<Begun>),
    Change(Box<change::Prepared>, Waiter<Changed>),
    /// Whatever is rare enough to be written statement by statement.
    Other(Work, Waiter<Answer>),
    /// Everything before this, then no more.
    Stop,
}
