//! How large a flow may be. Every bound is part of the published schema or of a problem's text.

/// Bytes of a document as somebody writes it.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Levels of nesting in a document as it is written.
pub const MAX_NESTING: usize = 64;
/// Problems reported at once; more are summed up in one.
pub const MAX_PROBLEMS: usize = 500;
/// Levels of `all`, `any` and `not` in one condition.
pub const MAX_CONDITION_DEPTH: usize = 16;
/// Levels of a segment with the segments that it names in their place.
pub const MAX_EXPANDED_DEPTH: usize = 64;
/// Comparisons of all segments together, with the segments that they name in their place. It bounds how long one
/// decision can take and what an index can weigh.
pub const MAX_COMPARISONS: usize = 200_000;
/// Parts of one `all` or `any`.
pub const MAX_PARTS: usize = 200;
/// Constants of one `in` or `not_in`.
pub const MAX_CONSTANTS: usize = 1_000;
/// Characters of a text constant.
pub const MAX_CONSTANT_CHARS: usize = 500;
/// Segments of a flow.
pub const MAX_SEGMENTS: usize = 10_000;
/// Tags of a segment.
pub const MAX_TAGS: usize = 20;
/// Value tiers of a flow.
pub const MAX_TIERS: usize = 20;
/// Reasons of a flow.
pub const MAX_REASONS: usize = 50;
/// Offers of a flow.
pub const MAX_OFFERS: usize = 200;
/// Rules of a flow.
pub const MAX_RULES: usize = 1_000;
/// Routes of a flow.
pub const MAX_ROUTES: usize = 50;
/// Signals of a flow.
pub const MAX_SIGNALS: usize = 100;
/// Segments, tags or reasons named by one rule.
pub const MAX_RULE_KEYS: usize = 500;
/// Offers presented by one rule.
pub const MAX_PRESENT: usize = 20;
/// Declared attributes.
pub const MAX_ATTRIBUTES: usize = 500;
/// Languages of one text.
pub const MAX_LOCALES: usize = 50;
/// Budgets of a policy.
pub const MAX_BUDGETS: usize = 20;
/// Places that have rules.
pub const MAX_PLACES: usize = 300;
/// Caps of a policy.
pub const MAX_CAPS: usize = 50;
/// What one offer asks in return.
pub const MAX_ASKS: usize = 10;
/// Characters of a label, a question or a feature's name.
pub const MAX_LABEL_CHARS: usize = 200;
/// Experiments of a flow.
pub const MAX_EXPERIMENTS: usize = 50;
/// Arms of an experiment.
pub const MAX_ARMS: usize = 10;
/// Days that an offer stays open.
pub const MAX_EXPIRY_DAYS: u16 = 90;
