//! Form bodies with bracket nesting (`items[0][price]=…`, `expand[]=…`) as a tree.
use super::errors::ApiError;

/// A parameter as it came: a text, or named children in their order (list elements are named by their index).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(String),
    Branch(Vec<(String, Node)>),
}

/// Deepest nesting taken; Stripe's own parameters stay far below.
const MAX_DEPTH: usize = 12;

/// Builds the tree of all pairs. A name that is both a text and a branch, or malformed, is refused.
pub(super) fn tree(pairs: &[(String, String)]) -> Result<Vec<(String, Node)>, ApiError> {
    let mut root = Vec::new();
    for (name, value) in pairs {
        let keys = keys_of(name).ok_or_else(|| ApiError::malformed("parameter name", name))?;
        insert(&mut root, &keys, value).ok_or_else(|| ApiError::malformed("array or hash", name))?;
    }
    Ok(root)
}

/// Decodes `a=b&c=d` in order.
pub(super) fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(encoded).map(|(k, v)| (k.into_owned(), v.into_owned())).collect()
}

/// `a[b][]` as `["a", "b", ""]`.
fn keys_of(name: &str) -> Option<Vec<String>> {
    let Some((first, rest)) = name.split_once('[') else {
        return (!name.is_empty() && !name.contains(']')).then(|| vec![name.to_owned()]);
    };
    let inner = rest.strip_suffix(']')?;
    let mut keys = vec![first.to_owned()];
    keys.extend(inner.split("][").map(str::to_owned));
    let well_formed =
        !first.is_empty() && keys.len() <= MAX_DEPTH && keys.iter().all(|k| !k.contains(['[', ']']));
    well_formed.then_some(keys)
}

fn insert(children: &mut Vec<(String, Node)>, keys: &[String], value: &str) -> Option<()> {
    let (key, rest) = keys.split_first()?;
    let key = if key.is_empty() { children.len().to_string() } else { key.clone() };
    let at = children.iter().position(|(k, _)| *k == key);
    if rest.is_empty() {
        // As in most form readers, the last value of a repeated name wins.
        if let Some(at) = at {
            children.remove(at);
        }
        children.push((key, Node::Text(value.to_owned())));
        return Some(());
    }
    if at.is_none() {
        children.push((key.clone(), Node::Branch(Vec::new())));
    }
    match children.iter_mut().find(|(k, _)| *k == key) {
        Some((_, Node::Branch(inner))) => insert(inner, rest, value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Option<Vec<(String, Node)>> {
        tree(&pairs(body.as_bytes())).ok()
    }

    #[test]
    fn brackets_nest_and_lists_append() {
        let text = |t: &str| Node::Text(t.into());
        assert_eq!(
            parse("items[0][price]=p&items[0][quantity]=2&expand[]=a&expand[]=b"),
            Some(vec![
                (
                    "items".into(),
                    Node::Branch(vec![(
                        "0".into(),
                        Node::Branch(vec![("price".into(), text("p")), ("quantity".into(), text("2"))])
                    )])
                ),
                ("expand".into(), Node::Branch(vec![("0".into(), text("a")), ("1".into(), text("b"))])),
            ])
        );
    }

    #[test]
    fn malformed_names_are_refused() {
        for body in ["a[=1", "a]=1", "[a]=1", "a=1&a[b]=2", "a[b]c=1", "=1"] {
            assert_eq!(parse(body), None, "{body}");
        }
    }
}
