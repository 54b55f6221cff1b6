//! The grammar's cases, and that its two paths agree.

use proptest::prelude::*;

use super::super::dialect::Fitting;
use super::super::quotes::unquote;
use super::*;

const COMMA: Dialect = Dialect {
    delimiter: b',',
    quote: b'"',
    escape: None,
    comment: None,
    fitting: None,
    newline: Newline::Lf,
    pad: false,
    guessed: false,
};

/// All rows as text, or the flaw, by the path that the bytes call for.
fn rows(text: &[u8], width: usize, path: Option<Path>, limit: usize) -> Result<Vec<Vec<Vec<u8>>>, Flaw> {
    rows_in(COMMA, text, width, path, limit)
}

fn rows_in(
    dialect: Dialect,
    text: &[u8],
    width: usize,
    path: Option<Path>,
    limit: usize,
) -> Result<Vec<Vec<Vec<u8>>>, Flaw> {
    let mut parser = match path {
        Some(path) => Parser::on_path(text, dialect, path),
        None => Parser::new(text, dialect),
    };
    let mut rows = Rows::new(width);
    let mut all = Vec::new();
    loop {
        parser.fill(&mut rows, limit)?;
        if rows.len() == 0 {
            return Ok(all);
        }
        let columns: Vec<Vec<_>> = (0..width).map(|column| rows.column(column).collect()).collect();
        for row in 0..rows.len() {
            let field = |column: &Vec<Range<usize>>| text.get(column[row].clone()).unwrap_or_default();
            all.push(columns.iter().map(|column| unquote(field(column), dialect).into_owned()).collect());
        }
    }
}

#[test]
fn the_cases() {
    let cases: [(&str, usize, &[&[&str]]); 14] = [
        ("a,b\n1,2\n", 2, &[&["a", "b"], &["1", "2"]]),
        ("a,b\r\n1,2", 2, &[&["a", "b"], &["1", "2"]]),
        ("\n\r\na\n\n", 1, &[&["a"]]),
        (",\n", 2, &[&["", ""]]),
        ("\"\"\n", 1, &[&[""]]),
        ("\"a,b\",c", 2, &[&["a,b", "c"]]),
        ("\"a\nb\"\r\nc", 1, &[&["a\nb"], &["c"]]),
        ("\"a\"\"b\"", 1, &[&["a\"b"]]),
        ("\"\"\"\"", 1, &[&["\""]]),
        ("5\" pipe,x", 2, &[&["5\" pipe", "x"]]),
        ("\"a\"b,x", 2, &[&["ab", "x"]]),
        ("\"a\"b\"c\",x", 2, &[&["ab\"c\"", "x"]]),
        ("\"a\"\"\"b\",x", 2, &[&["a\"b\"", "x"]]),
        ("a\rb\n", 1, &[&["a\rb"]]),
    ];
    for (text, width, expected) in cases {
        let expected: Vec<Vec<Vec<u8>>> =
            expected.iter().map(|row| row.iter().map(|field| field.as_bytes().to_vec()).collect()).collect();
        for path in [None, Some(Path::Plain)] {
            assert_eq!(rows(text.as_bytes(), width, path, 2), Ok(expected.clone()), "{text:?}");
        }
    }
}

#[test]
fn the_cases_of_dialects() {
    let single = Dialect { quote: b'\'', ..COMMA };
    let escaped = Dialect { escape: Some(b'\\'), ..COMMA };
    let comments = Dialect { comment: Some(b'#'), ..COMMA };
    let any = Dialect { newline: Newline::Any, ..COMMA };
    let pad = Dialect { pad: true, ..COMMA };
    let fitting = Dialect { fitting: Some(Fitting { width: 2, notes: false, values: false }), ..comments };
    let notes = Dialect { fitting: Some(Fitting { width: 2, notes: true, values: false }), ..comments };
    let cases: [(Dialect, &str, &[[&str; 2]]); 16] = [
        (fitting, "# one\na,b\n# 1,2\n#3,4\n#,,\n", &[["a", "b"], ["# 1", "2"], ["#3", "4"]]),
        (fitting, "#\"\na,b\n#,\"x,y\"\n#,\"x\n#,'\"'\n", &[["a", "b"], ["#", "x,y"], ["#", "'\"'"]]),
        (notes, "# one\na,b\n# 1,2\n##3,4\n#3,4\n#N/A,5", &[["a", "b"], ["#3", "4"], ["#N/A", "5"]]),
        (Dialect { guessed: true, ..single }, "'a','b' \r\nit's,''\n", &[["a", "b "], ["it's", ""]]),
        (single, "'a,''b',\"c\n", &[["a,'b", "\"c"]]),
        (escaped, r#""say \"hi\", ""ok""",x"#, &[["say \"hi\", \"ok\"", "x"]]),
        (escaped, r#""C:\\dir\\","\n""#, &[["C:\\dir\\", "\\n"]]),
        (escaped, "\\,\"\"\n", &[["\\", ""]]),
        (comments, "#one\na,b\n#,\"\n1,#2\n", &[["a", "b"], ["1", "#2"]]),
        (comments, "#one\n\"a\n#\",b\n#\"", &[["a\n#", "b"]]),
        (any, "a,b\r1,2\r\n3,4\n\r5,\"6\r\"", &[["a", "b"], ["1", "2"], ["3", "4"], ["5", "6\r"]]),
        (any, "\r\n\r\na,b", &[["a", "b"]]),
        (pad, "a\n1,2\n", &[["a", ""], ["1", "2"]]),
        (pad, "a,b,\n1,2, ,\n", &[["a", "b"], ["1", "2"]]),
        (pad, "\"a\"\n1,\"2\"\n", &[["a", ""], ["1", "2"]]),
        (Dialect { newline: Newline::Cr, ..COMMA }, "a,b\r1,2\n\r", &[["a", "b"], ["1", "2\n"]]),
    ];
    for (dialect, text, expected) in cases {
        let expected: Vec<Vec<Vec<u8>>> =
            expected.iter().map(|row| row.iter().map(|field| field.as_bytes().to_vec()).collect()).collect();
        for path in [None, Some(Path::Plain)] {
            assert_eq!(rows_in(dialect, text.as_bytes(), 2, path, 2), Ok(expected.clone()), "{text:?}");
        }
    }
    let long = rows_in(pad, b"1,2,3\n", 2, None, 9);
    assert_eq!(long, Err(Flaw::Ragged { at: 0, end: 5, found: 3, expected: 2 }));
}

#[test]
fn the_flaws() {
    let guessed = Dialect { quote: b'\'', guessed: true, ..COMMA };
    for path in [None, Some(Path::Plain)] {
        let merged = rows_in(guessed, b"'a',b\n'tis,1\nc,2\n'z',3\n", 2, path, 9);
        assert_eq!(merged, Err(Flaw::BrokenQuote { at: 6, end: 22 }));
    }
    let ragged = |at, end, found, expected| Flaw::Ragged { at, end, found, expected };
    let cases = [
        ("a,b\n1,2,3\n", 2, ragged(4, 9, 3, 2)),
        ("a,b\n\n1\n", 2, ragged(5, 6, 1, 2)),
        ("a,b\nc,\"d\n", 2, Flaw::OpenQuote { at: 4 }),
    ];
    for (text, width, expected) in cases {
        for path in [None, Some(Path::Plain)] {
            assert_eq!(rows(text.as_bytes(), width, path, 9), Err(expected), "{text:?}");
        }
    }
}

fn dialects() -> impl Strategy<Value = Dialect> {
    let newline = prop::sample::select(vec![Newline::Lf, Newline::Cr, Newline::Any]);
    let escape = prop::option::of(Just(b'\\'));
    let comment = prop::option::of(Just(b'#'));
    let fitting =
        prop::option::of((1usize..4, any::<bool>(), any::<bool>()).prop_map(|(width, notes, values)| Fitting {
            width,
            notes,
            values,
        }));
    let quote = prop::sample::select(vec![b'"', b'\'']);
    (newline, escape, comment, fitting, quote, any::<bool>(), any::<bool>()).prop_map(
        |(newline, escape, comment, fitting, quote, pad, guessed)| Dialect {
            quote,
            escape,
            comment,
            fitting,
            newline,
            pad,
            guessed,
            ..COMMA
        },
    )
}

fn csv_like() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![4 => Just(b'a'), 2 => Just(b','), 2 => Just(b'\n'), 1 => Just(b'\r'), 2 => Just(b'"'), 1 => Just(b'\''), 1 => Just(b'\\'), 1 => Just(b'#')];
    let quoted = Just(b"\"x,\n\"\"y\",".to_vec());
    prop::collection::vec(prop_oneof![5 => bytes.prop_map(|byte| vec![byte]), 2 => quoted], 0..200)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn the_fast_path_equals_the_plain_one(text in csv_like(), limit in 1usize..9, dialect in dialects()) {
        let width = first_row(&text, dialect).map_or(1, |(fields, _)| fields.len());
        let plain = rows_in(dialect, &text, width, Some(Path::Plain), 1000);
        prop_assert_eq!(rows_in(dialect, &text, width, None, limit), plain);
    }

    #[test]
    fn on_any_bytes_too(text in prop::collection::vec(any::<u8>(), 0..200), limit in 1usize..9, dialect in dialects()) {
        let width = first_row(&text, dialect).map_or(1, |(fields, _)| fields.len());
        let plain = rows_in(dialect, &text, width, Some(Path::Plain), 1000);
        prop_assert_eq!(rows_in(dialect, &text, width, None, limit), plain);
    }

    #[test]
    fn without_quotes_too(text in csv_like(), limit in 1usize..9) {
        let text: Vec<u8> = text.into_iter().filter(|byte| *byte != b'"').collect();
        for width in 1..4 {
            prop_assert_eq!(rows(&text, width, None, limit), rows(&text, width, Some(Path::Plain), 1000));
        }
    }

    #[test]
    fn a_boundary_is_the_start_of_a_row(text in csv_like(), dialect in dialects()) {
        let mut starts = vec![0];
        let mut ends = Vec::new();
        let mut open = None;
        while let Some(&start) = starts.last() && start < text.len() {
            match plain(&text, start, dialect, &mut ends) {
                Some(newline) if newline < text.len() => starts.push(newline + 1),
                Some(_) => break,
                None => { open = Some(start); break }
            }
        }
        let (boundary, quote) = last_boundary(&text, dialect);
        prop_assert_eq!(Some(&boundary), starts.last());
        prop_assert_eq!(quote.is_some(), open.is_some());
    }
}
