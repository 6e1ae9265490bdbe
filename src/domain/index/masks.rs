//! Masks of clauses, one for each rank of a table.
//!
//! Neighbouring ranks differ in a few clauses. Where there are many ranks, some neighbours therefore share one mask, of
//! what any of them leaves, and each has a list of what it takes out of that besides: a tenth of the memory, which is
//! what a look-up among thousands of segments waits for.

use smallvec::SmallVec;

use super::Bits;

/// The logarithm of how many ranks share a mask, where they share one.
const SHARED: u32 = 4;

#[derive(Debug)]
pub(super) struct Masks {
    ranks: usize,
    /// The logarithm of how many ranks share a mask.
    shared: u32,
    /// Words that each mask has.
    width: usize,
    words: Vec<u64>,
    /// For each rank where its part of `taken` begins; for all of them, where the last one ends.
    starts: Vec<usize>,
    taken: Vec<u32>,
}

/// The clauses that a rank leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left<'a> {
    masks: &'a Masks,
    rank: usize,
}

impl<'a> Left<'a> {
    fn mask(&self) -> &'a [u64] {
        let start = (self.rank >> self.masks.shared) * self.masks.width;
        self.masks.words.get(start..start + self.masks.width).unwrap_or_default()
    }

    /// What it takes out of its mask besides.
    fn taken(&self) -> &'a [u32] {
        match self.masks.starts.get(self.rank..self.rank + 2) {
            Some([from, to]) if self.masks.shared > 0 => self.masks.taken.get(*from..*to).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// Takes out the clauses that one of these ranks does not leave.
pub(super) fn narrow(ranks: &[Left<'_>], clauses: &mut Bits) {
    let masks: SmallVec<[&[u64]; 16]> = ranks.iter().map(Left::mask).collect();
    // A piece of each in turn: memory is waited for less when it is asked for at once.
    let (pieces, rest) = clauses.0.as_chunks_mut::<8>();
    for (at, piece) in pieces.iter_mut().enumerate() {
        let mut left = *piece;
        for mask in masks.iter().filter_map(|mask| mask.as_chunks::<8>().0.get(at)) {
            left.iter_mut().zip(mask).for_each(|(word, mask)| *word &= mask);
        }
        *piece = left;
    }
    for mask in &masks {
        rest.iter_mut().zip(mask.as_chunks::<8>().1).for_each(|(word, mask)| *word &= mask);
    }
    for clause in ranks.iter().flat_map(Left::taken) {
        clauses.clear(usize::try_from(*clause).unwrap_or(usize::MAX));
    }
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
        let mut all = Self { ranks: 0, shared, width, words: Vec::new(), starts: vec![0], taken: Vec::new() };
        loop {
            let neighbours: Vec<Bits> = masks.by_ref().take(1 << shared).collect();
            let Some((first, others)) = neighbours.split_first() else { return all };
            all.ranks += neighbours.len();
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

    /// The clauses that can hold at this rank; none where there is no such rank.
    pub(super) fn at(&self, rank: usize) -> Option<Left<'_>> {
        (rank < self.ranks).then_some(Left { masks: self, rank })
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
