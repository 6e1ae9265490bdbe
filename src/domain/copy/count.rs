//! Numbers of things, as templates print them and ask for their plural.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};

use super::format::PluralCategory;

/// A number of things: written out, and with the category that its language puts it in.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) text: String,
    pub(super) category: PluralCategory,
}

impl Object for Count {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
