//! Just enough of Rust's grammar to say which paths a source file names: tokens without comments and
//! literals, and paths with `use` trees written out.

/// The identifiers and punctuation of a source, `::` as one token; comments and literals are left out.
pub(crate) fn tokens(source: &str) -> Vec<&str> {
    let bytes = source.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &source[at..];
        at += match bytes[at] {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => block_comment(rest),
            b'"' => string(rest),
            b'\'' => quote(rest),
            byte if is_word(byte) => {
                let word = rest.bytes().position(|byte| !is_word(byte)).unwrap_or(rest.len());
                literal_after_prefix(&rest[..word], &rest[word..]).map_or_else(
                    || {
                        tokens.push(&rest[..word]);
                        word
                    },
                    |literal| word + literal,
                )
            }
            _ if rest.starts_with("::") => {
                tokens.push("::");
                2
            }
            byte if byte.is_ascii_whitespace() => 1,
            _ => {
                let width = rest.chars().next().map_or(1, char::len_utf8);
                tokens.push(&rest[..width]);
                width
            }
        };
    }
    tokens
}

/// The tokens without the modules marked `#[cfg(test)]`.
pub(crate) fn without_tests<'a>(tokens: &[&'a str]) -> Vec<&'a str> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let marked = tokens[at..].starts_with(&MARK)
            && tokens[at + MARK.len()..].iter().find(|token| is_item(token)) == Some(&"mod");
        if marked {
            at = end_of_block(tokens, at);
        } else {
            kept.push(tokens[at]);
            at += 1;
        }
    }
    kept
}

/// Every path of at least two segments, and every path of a `use` item: `use a::{b, c::d};` names
/// `a::b` and `a::c::d`.
pub(crate) fn paths(tokens: &[&str]) -> Vec<String> {
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at] == "use" {
            at = use_tree(tokens, at + 1, "", &mut paths);
            while at < tokens.len() && tokens[at] != ";" {
                at += 1;
            }
            continue;
        }
        let (path, next) = plain_path(tokens, at);
        if path.contains("::") {
            paths.push(path);
        }
        at = next.max(at + 1);
    }
    paths
}

/// Reads a path of identifiers; a leading `::` is dropped, and it ends before `::{`, `::*` and `::<`.
fn plain_path(tokens: &[&str], start: usize) -> (String, usize) {
    let word = |at: usize| tokens.get(at).filter(|token| is_name(token));
    let mut at = start + usize::from(tokens.get(start) == Some(&"::"));
    let Some(first) = word(at) else {
        return (String::new(), at);
    };
    let mut path = (*first).to_owned();
    at += 1;
    while tokens.get(at) == Some(&"::") {
        let Some(next) = word(at + 1) else { break };
        path.push_str("::");
        path.push_str(next);
        at += 2;
    }
    (path, at)
}

/// Writes out one `use` tree and returns where it ends: at its `,`, `}` or `;`.
fn use_tree(tokens: &[&str], start: usize, prefix: &str, paths: &mut Vec<String>) -> usize {
    let (path, mut at) = plain_path(tokens, start);
    let joined = match (prefix, path.as_str()) {
        ("", path) => path.to_owned(),
        (prefix, "" | "self") => prefix.to_owned(),
        (prefix, path) => format!("{prefix}::{path}"),
    };
    if tokens.get(at) == Some(&"::") {
        at += 1;
    }
    match tokens.get(at) {
        Some(&"{") => {
            at += 1;
            while tokens.get(at).is_some_and(|token| !matches!(*token, "}" | ";")) {
                let end = use_tree(tokens, at, &joined, paths);
                // Past the comma; and past whatever is no use tree, so that broken source ends too.
                at = if tokens.get(end) == Some(&",") { end + 1 } else { end.max(at + 1) };
            }
            at + usize::from(tokens.get(at) == Some(&"}"))
        }
        Some(&"*") => {
            paths.push(format!("{joined}::*"));
            at + 1
        }
        Some(&"as") => {
            paths.push(joined);
            at + 2
        }
        _ => {
            paths.push(joined);
            at
        }
    }
}

/// The place after the `{ … }` or `;` that ends the item at `start`.
fn end_of_block(tokens: &[&str], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match *token {
            ";" if depth == 0 => return at + 1,
            "{" => depth += 1,
            "}" if depth <= 1 => return at + 1,
            "}" => depth -= 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Whether a token starts an item, after attributes and visibility.
fn is_item(token: &str) -> bool {
    matches!(token, "mod" | "use" | "fn" | "struct" | "enum" | "impl" | "const" | "static" | "trait" | "type")
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 0x80
}

fn is_name(token: &str) -> bool {
    token.bytes().next().is_some_and(|byte| is_word(byte) && !byte.is_ascii_digit())
}

fn block_comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

/// The length of a string literal that starts with its quote.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal, or of the quote alone where it opens a lifetime.
fn quote(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let after = at + escaped.len_utf8();
            text[after..].find('\'').map_or(text.len(), |end| after + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// The length of the literal that a prefix such as `b`, `r#` or `c` opens, if it does.
fn literal_after_prefix(prefix: &str, rest: &str) -> Option<usize> {
    match prefix {
        "b" if rest.starts_with('\'') => Some(quote(rest)),
        "b" | "c" if rest.starts_with('"') => Some(string(rest)),
        "r" | "br" | "cr" => {
            let hashes = rest.bytes().take_while(|byte| *byte == b'#').count();
            let body = rest[hashes..].strip_prefix('"')?;
            let end = format!("\"{}", "#".repeat(hashes));
            let open = hashes + 1;
            Some(body.find(&end).map_or(rest.len(), |at| open + at + end.len()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_not_tokens() {
        let cases: [(&str, &[&str]); 13] = [
            ("a // b\nc", &["a", "c"]),
            ("a /* b /* c */ d */ e", &["a", "e"]),
            ("/// use std::fs;\nx", &["x"]),
            (r#"f("std::fs \" quoted") g"#, &["f", "(", ")", "g"]),
            (r##"f(r#"a "quoted" b"#) g"##, &["f", "(", ")", "g"]),
            (r#"f(r"\") g"#, &["f", "(", ")", "g"]),
            (r#"b"x" c"y" br"z" h"#, &["h"]),
            (r"'a' b'\'' '\\' '\u{1F600}' 'é' x", &["x"]),
            ("<'a>(x: &'a str)", &["<", "a", ">", "(", "x", ":", "&", "a", "str", ")"]),
            ("a::b", &["a", "::", "b"]),
            ("r#type", &["r", "#", "type"]),
            ("\"open", &[]),
            ("/* open", &[]),
        ];
        for (source, expected) in cases {
            assert_eq!(tokens(source), expected, "{source}");
        }
    }

    #[test]
    fn paths_are_written_out() {
        let cases: [(&str, &[&str]); 11] = [
            ("use std::fs;", &["std::fs"]),
            ("use ::std::fs as files;", &["std::fs"]),
            ("use arrow;", &["arrow"]),
            (
                "use std::{fs, io::{self, Read, Write as W}, fmt};",
                &["std::fs", "std::io", "std::io::Read", "std::io::Write", "std::fmt"],
            ),
            ("use std::{\n    fs,\n};\nuse b::c;", &["std::fs", "b::c"]),
            ("use {std::fs, a::b};", &["std::fs", "a::b"]),
            ("use std::*;", &["std::*"]),
            ("let x = std::fs::read(path)?;", &["std::fs::read"]),
            ("x.y(); let z = w;", &[]),
            ("Vec::<u8>::new(); a::b::<c::D>()", &["a::b", "c::D"]),
            ("pub use a::{b}; mod m { use c::d; }", &["a::b", "c::d"]),
        ];
        for (source, expected) in cases {
            assert_eq!(paths(&tokens(source)), expected, "{source}");
        }
    }

    #[test]
    fn broken_source_ends() {
        for source in ["use", "use a::{", "use a::{b", "use {,", "use a b;", "use a::{b c} d", "::", "use ;"] {
            let _ = paths(&tokens(source));
        }
    }

    #[test]
    fn test_modules_are_left_out() {
        let source = "use a::b;\n#[cfg(test)]\n#[allow(x)]\nmod tests { use std::fs; fn f() { {} } }\nuse c::d;";
        assert_eq!(paths(&without_tests(&tokens(source))), ["a::b", "c::d"]);
        let source = "#[cfg(test)]\nmod tests;\nuse c::d;";
        assert_eq!(paths(&without_tests(&tokens(source))), ["c::d"]);
        let source = "#[cfg(test)]\nuse std::fs;\nuse c::d;\nmod m {}";
        assert_eq!(paths(&without_tests(&tokens(source))), ["std::fs", "c::d"]);
    }
}
