//! Masks of clauses, one for each rank of a table.
//!
//! Neighbouring ranks differ in a few clauses. Where there are many ranks, some neighbours therefore share one mask, of
//! what any of them leaves, and each has a list of what it takes out of that besides: a tenth of the memory, which is
//! what a look-up among thousands of segments waits for.

use super::Bits;

/// The logarithm of how many ranks share a mask, where they share one.
const SHARED: u32 = 4;

#[derive(Debug)]
pub(super) struct Masks {
    /// The logarithm of how many ranks share a mask.
    shared: u32,
    /// Words that each mask has.
    width: usize,
    words: Vec<u64>,
    /// For each rank where its part of `taken` begins; for all of them, where the last one ends.
    starts: Vec<usize>,
    taken: Vec<u32>,
}

impl Masks {
    /// Those of so many ranks, in order, of tests on which so many clauses hang.
    pub(super) fn of_ranks(
        ranks: usize,
        hanging: usize,
        clauses: usize,
        masks: impl Iterator<Item = Bits>,
    ) -> Self {
        let shared = if shares(ranks, hanging, clauses.div_ceil(64)) { SHARED } else { 0 };
        Self::new(shared, clauses, masks)
    }

    /// Masks that differ much.
    pub(super) fn apart(clauses: usize, masks: impl Iterator<Item = Bits>) -> Self {
        Self::new(0, clauses, masks)
    }

    fn new(shared: u32, clauses: usize, mut masks: impl Iterator<Item = Bits>) -> Self {
        let width = clauses.div_ceil(64);
        let mut all = Self { shared, width, words: Vec::new(), starts: vec![0], taken: Vec::new() };
        loop {
            let neighbours: Vec<Bits> = masks.by_ref().take(1 << shared).collect();
            let Some((first, others)) = neighbours.split_first() else { return all };
            let mut any = first.clone();
            others.iter().for_each(|other| any.or(other));
            if shared > 0 {
                for mask in &neighbours {
                    let taken = any.iter().filter(|clause| !mask.has(*clause));
                    all.taken.extend(taken.filter_map(|clause| u32::try_from(clause).ok()));
                    all.starts.push(all.taken.len());
                }
            }
            all.words.extend(any.0);
        }
    }

    /// Takes out the clauses that fail at this rank. Says whether there is one.
    pub(super) fn narrow(&self, rank: usize, clauses: &mut Bits) -> bool {
        let start = (rank >> self.shared) * self.width;
        let Some(mask) = self.words.get(start..start + self.width) else { return false };
        clauses.and(mask);
        if let (true, Some([from, to])) = (self.shared > 0, self.starts.get(rank..rank + 2)) {
            for clause in self.taken.get(*from..*to).unwrap_or_default() {
                clauses.clear(usize::try_from(*clause).unwrap_or(usize::MAX));
            }
        }
        true
    }
}

/// Whether what the ranks take out of shared masks is less than the masks that are saved.
fn shares(ranks: usize, hanging: usize, width: usize) -> bool {
    taken(hanging) <= ranks.saturating_mul(width)
}

/// About how many clauses the ranks take out of shared masks, all together: a clause comes or goes at the rank of the test
/// that it hangs on, and half of the ranks that share a mask with that lack it.
fn taken(hanging: usize) -> usize {
    hanging.saturating_mul(1 << (SHARED - 1))
}

/// Words of 64 bits that the masks of such ranks take.
pub(super) fn words(ranks: usize, hanging: usize, clauses: usize) -> usize {
    let width = clauses.div_ceil(64);
    if shares(ranks, hanging, width) {
        (ranks >> SHARED).saturating_add(1).saturating_mul(width).saturating_add(taken(hanging))
    } else {
        ranks.saturating_mul(width)
    }
}
