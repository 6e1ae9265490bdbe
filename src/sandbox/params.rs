//! Declarative parameter specifications, so that every call is strict in the same way.
use super::errors::ApiError;
use super::form::Node;
use super::record::Record;
use serde_json::{Map, Number, Value, json};

/// What a parameter may hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A text of at most this many characters.
    Text(usize),
    /// An integer within these bounds.
    Integer(i64, i64),
    /// A decimal number, kept as a JSON number.
    Decimal,
    Boolean,
    /// A Unix time in seconds.
    Time,
    /// A number of at least one, or one of these words.
    CountOr(&'static [&'static str]),
    /// A Unix time in seconds or one of these words.
    TimeOr(&'static [&'static str]),
    Enum(&'static [&'static str]),
    /// A three-letter lower-case currency.
    Currency,
    /// Stripe's metadata: at most 50 keys of 40 characters with values of 500.
    Metadata,
    Object(&'static [Field]),
    List(&'static Kind),
    /// A time, or bounds on it: `created=…` or `created[gte]=…`.
    TimeRange,
    /// Stripe has it, the sandbox does not model it.
    Unmodelled,
}

/// One parameter: its name, kind, whether it must be given and whether an empty text unsets it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    required: bool,
    pub(super) clearable: bool,
}

/// An optional parameter.
pub(super) const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false, clearable: false }
}

impl Field {
    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// An empty text unsets it; it then arrives as null.
    pub(super) const fn clearable(mut self) -> Self {
        self.clearable = true;
        self
    }
}

pub(super) const TEXT: Kind = Kind::Text(5_000);
pub(super) const ID: Kind = Kind::Text(255);
pub(super) const COUNT: Kind = Kind::Integer(1, i64::MAX);
pub(super) const QUANTITY: Kind = Kind::Integer(0, 999_999);
pub(super) const AMOUNT: Kind = Kind::Integer(0, 99_999_999);
pub(super) const IDS: Kind = Kind::List(&ID);
pub(super) const EXPAND: Field = field("expand", IDS);
pub(super) const METADATA: Field = field("metadata", Kind::Metadata).clearable();
/// For what does not exist yet: there is no metadata to unset.
pub(super) const NEW_METADATA: Field = field("metadata", Kind::Metadata);
pub(super) const INTERVAL: Kind = Kind::Enum(&["day", "month", "week", "year"]);

/// How a subscription or an invoice is collected.
pub(super) const COLLECTION_METHOD: Field =
    field("collection_method", Kind::Enum(&["charge_automatically", "send_invoice"]));
/// What becomes of a change whose payment fails.
pub(super) const PAYMENT_BEHAVIOR: Field = field(
    "payment_behavior",
    Kind::Enum(&["allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"]),
);

/// The four parameters of every list call.
pub(super) const LIMIT: Field = field("limit", Kind::Integer(1, 100));
pub(super) const AFTER: Field = field("starting_after", ID);
pub(super) const BEFORE: Field = field("ending_before", ID);

/// Checks a whole call and turns it into typed values. Numbers, booleans and times become JSON numbers and booleans,
/// unset parameters null.
pub(super) fn check(spec: &[Field], given: &[(String, Node)]) -> Result<Record, ApiError> {
    object(spec, given, "").map(Record)
}

fn object(spec: &[Field], given: &[(String, Node)], prefix: &str) -> Result<Map<String, Value>, ApiError> {
    let mut out = Map::new();
    for (name, node) in given {
        let path = join(prefix, name);
        let field = spec.iter().find(|f| f.name == name).ok_or_else(|| ApiError::unknown_parameter(&path))?;
        out.insert(name.clone(), typed(field, node, &path)?);
    }
    match spec.iter().find(|f| f.required && !out.contains_key(f.name)) {
        Some(absent) => Err(ApiError::missing(&join(prefix, absent.name))),
        None => Ok(out),
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}[{name}]") }
}

fn typed(field: &Field, node: &Node, path: &str) -> Result<Value, ApiError> {
    match node {
        Node::Text(text) if text.is_empty() && field.clearable => Ok(Value::Null),
        _ => value(field.kind, node, path),
    }
}

fn value(kind: Kind, node: &Node, path: &str) -> Result<Value, ApiError> {
    match (kind, node) {
        (Kind::Unmodelled, _) => Err(ApiError::unmodelled_parameter(path)),
        (Kind::Metadata, Node::Branch(children)) => metadata(children, path),
        (Kind::Object(spec), Node::Branch(children)) => object(spec, children, path).map(Value::Object),
        (Kind::TimeRange, Node::Branch(children)) => object(RANGE, children, path).map(Value::Object),
        (Kind::List(of), Node::Branch(children)) => list(*of, children, path),
        (Kind::Metadata | Kind::Object(_), Node::Text(_)) => Err(ApiError::malformed("object", path)),
        (Kind::List(_), Node::Text(_)) => Err(ApiError::malformed("array", path)),
        (_, Node::Branch(_)) => Err(ApiError::malformed("string", path)),
        (_, Node::Text(text)) if text.is_empty() => Err(ApiError::empty(path)),
        (kind, Node::Text(text)) => scalar(kind, text, path),
    }
}

const RANGE: &[Field] =
    &[field("gt", Kind::Time), field("gte", Kind::Time), field("lt", Kind::Time), field("lte", Kind::Time)];

fn list(of: Kind, children: &[(String, Node)], path: &str) -> Result<Value, ApiError> {
    let mut out = Vec::new();
    for (index, node) in children {
        if index.parse::<u32>().is_err() {
            return Err(ApiError::malformed("array", path));
        }
        out.push(value(of, node, &join(path, index))?);
    }
    Ok(Value::Array(out))
}

fn metadata(children: &[(String, Node)], path: &str) -> Result<Value, ApiError> {
    if children.len() > 50 {
        return Err(ApiError::invalid("You may only specify up to 50 metadata keys").param(path));
    }
    let mut out = Map::new();
    for (key, node) in children {
        let Node::Text(text) = node else {
            return Err(ApiError::malformed("string", &join(path, key)));
        };
        if key.chars().count() > 40 || text.chars().count() > 500 {
            return Err(ApiError::invalid(format!(
                "Metadata keys are at most 40 characters and values at most 500: {key}"
            ))
            .param(join(path, key)));
        }
        out.insert(key.clone(), json!(text));
    }
    Ok(Value::Object(out))
}

fn scalar(kind: Kind, text: &str, path: &str) -> Result<Value, ApiError> {
    match kind {
        Kind::Text(most) if text.chars().count() > most => Err(ApiError::invalid(format!(
            "Invalid string: {}...; must be at most {most} characters",
            text.chars().take(20).collect::<String>()
        ))
        .param(path)),
        Kind::Text(_) => Ok(json!(text)),
        Kind::Integer(least, most) => integer(text, path, least, most),
        Kind::Time | Kind::TimeRange => integer(text, path, 0, 253_402_300_799),
        Kind::TimeOr(words) | Kind::CountOr(words) if words.contains(&text) => Ok(json!(text)),
        Kind::CountOr(_) => integer(text, path, 1, i64::MAX),
        Kind::TimeOr(_) => time(text, path),
        Kind::Decimal => decimal(text, path),
        Kind::Boolean => match text {
            "true" => Ok(json!(true)),
            "false" => Ok(json!(false)),
            _ => Err(ApiError::invalid(format!("Invalid boolean: {text}")).param(path)),
        },
        Kind::Enum(allowed) if allowed.contains(&text) => Ok(json!(text)),
        Kind::Enum(allowed) => {
            let name = path.rsplit('[').next().unwrap_or(path).trim_end_matches(']');
            Err(ApiError::invalid(format!("Invalid {name}: must be one of {}", choice(allowed))).param(path))
        }
        Kind::Currency if text.len() == 3 && text.chars().all(|c| c.is_ascii_alphabetic()) => {
            Ok(json!(text.to_ascii_lowercase()))
        }
        Kind::Currency => Err(ApiError::invalid(format!("Invalid currency: {text}.")).param(path)),
        Kind::Metadata | Kind::Object(_) | Kind::List(_) | Kind::Unmodelled => {
            Err(ApiError::malformed("object", path))
        }
    }
}

fn integer(text: &str, path: &str, least: i64, most: i64) -> Result<Value, ApiError> {
    let number: i64 = text.parse().map_err(|_| {
        ApiError::invalid(format!("Invalid integer: {text}")).code("parameter_invalid_integer").param(path)
    })?;
    let out_of = |words: String| Err(ApiError::invalid(words).code("parameter_invalid_integer").param(path));
    if number < least {
        return out_of(format!("This value must be greater than or equal to {least}."));
    }
    if number > most {
        return out_of(format!("This value must be less than or equal to {most}."));
    }
    Ok(json!(number))
}

fn time(text: &str, path: &str) -> Result<Value, ApiError> {
    integer(text, path, 0, 253_402_300_799).map_err(|_| {
        ApiError::invalid(format!("Invalid timestamp: must be an integer Unix timestamp. Received: {text}"))
            .param(path)
    })
}

/// A whole number stays whole, as Stripe shows it: `50`, not `50.0`.
fn decimal(text: &str, path: &str) -> Result<Value, ApiError> {
    let plain = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    if let Ok(whole) = plain.parse::<i64>() {
        return Ok(json!(whole));
    }
    let number = text.parse::<f64>().ok().and_then(Number::from_f64);
    number.map(Value::Number).ok_or_else(|| ApiError::invalid(format!("Invalid decimal: {text}")).param(path))
}

/// `a, b, or c`.
fn choice(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, other] => format!("{one} or {other}"),
        [most @ .., last] => format!("{}, or {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::form;
    use super::*;

    const SPEC: &[Field] = &[
        field("name", Kind::Text(5)).required(),
        field("note", TEXT).clearable(),
        field("count", Kind::Integer(1, 9)),
        field("color", Kind::Enum(&["blue", "green", "red"])),
        field("items", Kind::List(&Kind::Object(&[field("on", Kind::Boolean)]))),
        field("tax", Kind::Unmodelled),
        METADATA,
    ];

    fn run(body: &str) -> Result<Record, String> {
        let tree = form::tree(&form::pairs(body.as_bytes())).unwrap();
        check(SPEC, &tree).map_err(|e| e.body("req_1")["error"]["message"].as_str().unwrap().to_owned())
    }

    #[test]
    fn values_become_typed() {
        let got = run("name=ab&note=&count=3&items[0][on]=true&metadata[k]=v").unwrap();
        let want =
            json!({"name": "ab", "note": null, "count": 3, "items": [{"on": true}], "metadata": {"k": "v"}});
        assert_eq!(got.0, *want.as_object().unwrap());
    }

    #[test]
    fn every_mistake_gets_stripes_words() {
        for (body, words) in [
            ("count=1", "Missing required param: name."),
            ("name=a&foo=1", "Received unknown parameter: foo"),
            ("name=a&items[0][of]=1", "Received unknown parameter: items[0][of]"),
            ("name=a&count=x", "Invalid integer: x"),
            ("name=a&count=0", "This value must be greater than or equal to 1."),
            ("name=a&color=pink", "Invalid color: must be one of blue, green, or red"),
            ("name=a&items[0][on]=yes", "Invalid boolean: yes"),
            ("name=a&items=1", "Invalid array"),
            ("name[x]=a", "Invalid string"),
            ("name=abcdef", "Invalid string: abcdef...; must be at most 5 characters"),
        ] {
            assert_eq!(run(body).unwrap_err(), words, "{body}");
        }
        assert!(run("name=").unwrap_err().starts_with("You passed an empty string for 'name'."));
        assert!(run("name=a&tax=1").unwrap_err().contains("does not model"));
    }
}
