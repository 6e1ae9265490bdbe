//! The store on every database there is.

mod begin;
mod books;
mod caps;
mod change;
mod erase;
mod events;
mod fixtures;
mod flows;
mod operations;
mod queue;
mod reading;
mod schema;
