//! The kill harness: real processes are killed at each call of each kind of operation, and at random under load, while
//! Stripe misbehaves in every way it does. Afterwards everything has happened once, as if nobody had been killed.
//!
//! `KILLS` says how many kills (10; `.ci/run` asks for 40), `KILL_SEED` which ones. The long run, of some twenty
//! minutes:
//!
//! ```text
//! KILLS=500 cargo test --test it kill::harness -- --nocapture
//! ```
//!
//! What each kind brings about is first seen on subscribers who are left in peace. After each kill the rest is awaited,
//! and what Stripe shows of each subscriber must be just that, or, where the offer was refused or never reached us, just
//! what it was. In the end `counteroffer verify --stripe` has to find nothing either. Time that would only be waited for
//! (a retry's backoff, a lease whose only holder is dead, the end of free features, the day after which Stripe forgets
//! keys) is made to have passed.
#![allow(clippy::print_stdout, reason = "the seed and what came of it are for whoever runs the test")]

mod arena;
mod kinds;
mod proof;
mod shown;
mod subject;

use std::collections::HashMap;

use counteroffer::sandbox::{RecordedCall, WebhookEvent};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use super::*;
use arena::Arena;
use kinds::{Act, KINDS, Kind};
use proof::Undisturbed;
use shown::Shown;
use subject::{Answering, Subject};

/// How often to look, and how many times: what is waited for takes seconds, and may take minutes where much else runs.
const LOOK: Duration = Duration::from_millis(40);
const LOOKS: u32 = 4_500;
/// What the credit is, in cents.
const CREDIT: i64 = 1_500;

/// The prices that offers name.
struct Prices {
    free: String,
    lite: String,
    plus: String,
    yearly: String,
}

/// How a process meets its end.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Waiting for the answer to this call of the operation, counted from 0, which had its effect or not. Behind the last
    /// call the process is at rest.
    AtCall { kind: Kind, call: u32, acted: bool },
    /// With several operations under way, somewhere in between.
    UnderLoad,
}

/// What all arenas go by.
struct Plan {
    seed: u64,
    undisturbed: HashMap<Kind, Undisturbed>,
}

impl Plan {
    /// Every call of every kind, both ways, in no order; every fifth kill is one under load.
    fn ends(&self, kills: usize) -> Vec<End> {
        let mut every = Vec::new();
        for kind in KINDS {
            for call in 0..=self.undisturbed[kind].calls {
                every.extend([true, false].map(|acted| End::AtCall { kind: *kind, call, acted }));
            }
        }
        println!("{} places to be killed at", every.len());
        every.shuffle(&mut StdRng::seed_from_u64(self.seed));
        let mut places = every.iter().cycle();
        let end = |number| if number % 5 == 4 { End::UnderLoad } else { *places.next().unwrap() };
        (0..kills).map(end).collect()
    }
}

/// The databases there are, with how many processes each, and how many of so many kills: with several processes each
/// takes longer, since the dead one's lease has to run out.
fn places(kills: usize) -> Vec<(Database, usize, usize)> {
    let several = kills / 5;
    match (postgres(), postgres()) {
        (Some(one), Some(other)) => {
            let half = (kills - several) / 2;
            vec![(sqlite(), 1, kills - several - half), (one, 1, half), (other, 3, several)]
        }
        _ => vec![(sqlite(), 1, kills)],
    }
}

#[test]
fn whatever_is_killed_everything_happens_once() {
    let kills = usize::try_from(setting("KILLS").unwrap_or(10)).unwrap();
    let seed = setting("KILL_SEED").unwrap_or_else(rand::random);
    println!("KILLS={kills} KILL_SEED={seed}");
    let undisturbed = on_its_own(async { Arena::set(sqlite(), 1, seed).await.see_every_kind().await });
    let plan = &Plan { seed, undisturbed };
    let mut ends = plan.ends(kills);
    std::thread::scope(|scope| {
        for (number, (database, processes, share)) in (1..).zip(places(kills)) {
            let ends = ends.split_off(ends.len() - share);
            scope.spawn(move || {
                on_its_own(async {
                    let mut arena = Arena::set(database, processes, seed.wrapping_add(number)).await;
                    for end in ends {
                        arena.round(plan, end).await;
                    }
                    println!("{}", arena.prove().await);
                });
            });
        }
    });
}

/// Each arena has a thread of its own, so that none waits while another starts a process.
fn on_its_own<T>(body: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(body)
}
