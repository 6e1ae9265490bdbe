//! An offer's texts in one language, made ready once for all whom it is presented to.

use std::collections::BTreeSet;
use std::sync::Arc;

use minijinja::{Environment, Value};

use super::CopyTemplate;
use super::defaults::defaults;
use super::format::Formatter;
use super::plain;
use super::template::{environment, has_tags, used};
use super::variables::{Shown, Variable, context};
use crate::domain::offer::{Copy, OfferType};

/// An offer's texts in one language. What has no variables is only handed out.
#[derive(Debug)]
pub(in crate::domain) struct Prepared {
    templates: Environment<'static>,
    variables: Vec<Variable>,
    headline: Part,
    body: Part,
    accept: Part,
    decline: Part,
}

#[derive(Debug)]
enum Part {
    Plain(Arc<str>),
    /// The template of this name, and the text that stands in where it cannot be filled in.
    Template(&'static str, Arc<str>),
}

impl Prepared {
    /// Compiles the templates. What is left out, or cannot be read (which parsing refuses), gets the default of the
    /// offer's type.
    pub(in crate::domain) fn new(copy: &CopyTemplate, offer_type: OfferType) -> Self {
        let defaults = defaults(offer_type);
        let mut templates = environment();
        let mut variables = BTreeSet::new();
        let mut part = |name, text: Option<&String>, default: &str| {
            let default: Arc<str> = default.into();
            match text {
                None => Part::Plain(default),
                Some(text) if !has_tags(text) => Part::Plain(plain::text(text).into()),
                Some(text) if templates.add_template_owned(name, text.clone()).is_ok() => {
                    variables.extend(used(&templates, text));
                    Part::Template(name, default)
                }
                Some(_) => Part::Plain(default),
            }
        };
        let headline = part("headline", copy.headline.as_ref(), defaults.headline);
        let body = part("body", copy.body.as_ref(), defaults.body);
        let accept = part("accept", copy.accept.as_ref(), defaults.accept);
        let decline = part("decline", copy.decline.as_ref(), defaults.decline);
        Self { templates, variables: variables.into_iter().collect(), headline, body, accept, decline }
    }

    /// Filled in. A text that prints what is not known gives way to the default, and so does one of which nothing is left.
    pub(in crate::domain) fn fill_in(&self, shown: &Shown<'_>, write: &Formatter) -> Copy {
        let values = context(&self.variables, |variable| shown.value(variable, write));
        Copy {
            headline: self.part(&self.headline, &values),
            body: self.part(&self.body, &values),
            accept: self.part(&self.accept, &values),
            decline: self.part(&self.decline, &values),
        }
    }

    fn part(&self, part: &Part, values: &Value) -> Arc<str> {
        let (name, default) = match part {
            Part::Plain(text) => return Arc::clone(text),
            Part::Template(name, default) => (name, default),
        };
        let filled = self.templates.get_template(name).and_then(|template| template.render(values.clone()));
        match plain::text(&filled.unwrap_or_default()) {
            text if text.is_empty() => Arc::clone(default),
            text => text.into(),
        }
    }
}
