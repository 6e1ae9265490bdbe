//! The fenced blocks of a Markdown text, and which of them are marked to be run.

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// What stands in `<!-- test … -->` right above it; none for a block without that.
    pub(super) mark: Option<String>,
    /// The word behind the fence.
    pub(super) language: String,
    /// What it holds.
    pub(super) text: String,
}

/// Every fenced block, in order.
pub(super) fn all(markdown: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut mark = None;
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("<!-- test") {
            mark = rest.strip_suffix("-->").map(|words| words.trim().to_owned());
        } else if let Some(language) = line.strip_prefix("```") {
            let inside = lines.by_ref().take_while(|line| !line.starts_with("```"));
            let text = inside.fold(String::new(), |text, line| text + line + "\n");
            found.push(Block { mark: mark.take(), language: language.to_owned(), text });
        } else if !line.is_empty() {
            mark = None;
        }
    }
    found
}

/// The blocks marked to be run.
pub(super) fn marked(markdown: &str) -> Vec<Block> {
    all(markdown).into_iter().filter(|block| block.mark.is_some()).collect()
}

#[test]
fn a_mark_belongs_to_the_block_below_it() {
    let text = "<!-- test whole -->\n```http\nGET /\n```\n\n```json\n{}\n```\n\n<!-- test -->\nWords.\n\n```sh\nls\n```\n";
    let block = |mark: Option<&str>, language: &str, text: &str| Block {
        mark: mark.map(str::to_owned),
        language: language.to_owned(),
        text: text.to_owned(),
    };
    let wanted =
        [block(Some("whole"), "http", "GET /\n"), block(None, "json", "{}\n"), block(None, "sh", "ls\n")];
    assert_eq!(all(text), wanted);
    assert_eq!(marked(text), wanted[..1]);
}
