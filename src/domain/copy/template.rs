//! Templates: what may stand in one, and the engine that fills it in.

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

use super::count::Count;
use super::format::PluralCategory;
use super::variables::{Variable, context};
use crate::domain::offer::Terms;

/// Characters of a template.
pub const MAX_TEMPLATE_CHARS: usize = 2_000;
/// Steps a template may take; a text of that size needs far fewer.
const FUEL: u64 = 20_000;

/// How a count is asked for its plural category, and the category.
const CATEGORIES: [(&str, PluralCategory); 6] = [
    ("zero", PluralCategory::Zero),
    ("one", PluralCategory::One),
    ("two", PluralCategory::Two),
    ("few", PluralCategory::Few),
    ("many", PluralCategory::Many),
    ("other", PluralCategory::Other),
];

/// The engine, without any template. To print a variable that has no value is an error, so that nobody is shown half a
/// sentence; to ask for it with `if` is none.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    for (name, category) in CATEGORIES {
        environment.add_test(name, move |value: &Value| match value.downcast_object_ref::<Count>() {
            Some(count) => Ok(count.category == category),
            None if value.is_undefined() => Ok(false),
            None => Err(Error::new(ErrorKind::InvalidOperation, "only a count has a plural")),
        });
    }
    environment
}

/// Whether a text is a template at all.
pub(super) fn has_tags(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|tag| text.contains(tag))
}

/// The variables that a template names.
pub(super) fn used(environment: &Environment<'_>, template: &str) -> Vec<Variable> {
    let parsed = environment.template_from_str(template);
    let names = parsed.map(|parsed| parsed.undeclared_variables(true)).unwrap_or_default();
    names.iter().filter_map(|name| Variable::named(name)).collect()
}

/// What is wrong with a template, as code and words, if anything is; `terms` say which variables there are.
pub(in crate::domain) fn check(template: &str, terms: &Terms) -> Vec<(&'static str, String)> {
    if let Some(problem) = beyond_plain(template) {
        return vec![("invalid_template", problem)];
    }
    let environment = environment();
    let parsed = match environment.template_from_str(template) {
        Ok(parsed) => parsed,
        Err(error) => {
            let detail = error.detail().unwrap_or("cannot be read").to_owned();
            return vec![("invalid_template", format!("the template cannot be read: {detail}"))];
        }
    };
    let known = Variable::of(terms);
    let mut used: Vec<String> = parsed.undeclared_variables(true).into_iter().collect();
    used.sort_unstable();
    let unknown = used.iter().filter(|name| !known.iter().any(|known| known.name() == *name));
    let names = known.iter().map(|known| known.name()).collect::<Vec<_>>().join("`, `");
    let problems: Vec<_> = unknown
        .map(|name| {
            let detail = format!("`{name}` is no variable of this offer; there are `{names}`");
            ("unknown_variable", detail)
        })
        .collect();
    if !problems.is_empty() {
        return problems;
    }
    let fill = |missing: Option<Variable>| {
        let sample = |one: Variable| (Some(one) != missing).then(|| one.sample());
        parsed.render(context(&known, sample))
    };
    if let Err(error) = fill(None) {
        let detail = error.detail().unwrap_or("cannot be filled in").to_owned();
        return vec![("invalid_template", format!("the template cannot be filled in: {detail}"))];
    }
    let optional = known.iter().filter(|one| one.is_optional() && used.iter().any(|used| used == one.name()));
    optional
        .filter(|one| fill(Some(**one)).is_err())
        .map(|one| {
            let name = one.name();
            let detail = format!(
                "`{name}` is not known of everybody; put what needs it between `{{% if {name} %}}` and `{{% endif %}}`"
            );
            ("variable_may_be_missing", detail)
        })
        .collect()
}

/// Says what in a template goes beyond variables, `if` and plurals, if anything does.
fn beyond_plain(template: &str) -> Option<String> {
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let tag = rest.get(start..)?;
        let Some(inside) = tag.strip_prefix("{{").or_else(|| tag.strip_prefix("{%")) else {
            rest = tag.get(1..)?;
            continue;
        };
        let prints = tag.starts_with("{{");
        let code = inside.split(if prints { "}}" } else { "%}" }).next().unwrap_or(inside);
        if let Some(found) =
            code.chars().find(|c| !(c.is_alphanumeric() || c.is_whitespace() || matches!(c, '.' | '_' | '-')))
        {
            return Some(format!("`{found}` is not taken inside a tag; use variables and `if` alone"));
        }
        let words: Vec<&str> = code.trim_matches(['-', ' ']).split_whitespace().collect();
        let problem = if prints { beyond_variable(&words) } else { beyond_if(&words) };
        if problem.is_some() {
            return problem;
        }
        rest = inside;
    }
    None
}

fn beyond_variable(words: &[&str]) -> Option<String> {
    (words.len() != 1).then(|| "one variable is taken between `{{` and `}}`".to_owned())
}

fn beyond_if(words: &[&str]) -> Option<String> {
    let (first, asked) = words.split_first().unwrap_or((&"", &[]));
    if !matches!(*first, "if" | "elif" | "else" | "endif") {
        return Some(format!("`{first}` is not taken; use `if`, `elif`, `else` and `endif` alone"));
    }
    let category = |word: &str| CATEGORIES.iter().any(|(name, _)| *name == word);
    for (at, _) in asked.iter().enumerate().filter(|(_, word)| **word == "is") {
        let after = asked.get(at.saturating_add(1)..).unwrap_or_default();
        let asks = match after {
            ["not", word, ..] | [word, ..] => category(word),
            [] => false,
        };
        let of = at.checked_sub(1).and_then(|before| asked.get(before));
        if !asks || !of.and_then(|name| Variable::named(name)).is_some_and(Variable::is_count) {
            let names = CATEGORIES.map(|(name, _)| name).join("`, `");
            return Some(format!("`is` asks a count for its plural, which is one of `{names}`"));
        }
    }
    None
}
