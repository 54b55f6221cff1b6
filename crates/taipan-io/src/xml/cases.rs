//! Documents and what the parser makes of them: their canonical form, or where they are wrong and why.

#![allow(clippy::format_collect, clippy::format_push_string, reason = "a test need not be fast")]

use proptest::prelude::*;

use super::chars::valid;
use super::parser::{Cause, Flaw, Parser, Progress, Rules};
use super::suite::Canonical;

/// The canonical form, or `place: why`; the text is given in steps of so many bytes.
fn read(document: &[u8], rules: Rules, step: usize) -> String {
    let mut parser = Parser::new(rules);
    let mut canonical = Canonical::default();
    let (mut done, mut given) = (0, 0);
    loop {
        given = (given + step).min(document.len());
        // As a reader has it: what was consumed is gone, and a character may be cut off.
        let (text, stop) = valid(&document[done..given]);
        let last = given == document.len() && stop == super::chars::Stop::End;
        let mut at = 0;
        loop {
            match parser.step(text, &mut at, last, &mut canonical) {
                Ok(Progress::Token) => {}
                Ok(Progress::End) => return canonical.text,
                Ok(Progress::More) => break,
                Err(Flaw { cause: Cause::Empty, .. }) => return "Empty".to_owned(),
                Err(Flaw { at, cause: Cause::Syntax(message) }) => return format!("{}: {message}", done + at),
                Err(Flaw { at, cause }) => return format!("{}: {cause:?}", done + at),
            }
        }
        if given == document.len() {
            return format!("{}: {stop:?}", done + text.len());
        }
        done += at;
    }
}

/// What comes out whatever the steps and the path.
#[track_caller]
fn check(document: &str, expected: &str) {
    for fast in [true, false] {
        let rules = Rules { fast, ..Rules::default() };
        for step in [usize::MAX / 2, 1, 2, 3, 7, 64] {
            assert_eq!(read(document.as_bytes(), rules, step), expected, "{document:?} in steps of {step}");
        }
    }
}

#[test]
fn documents() {
    let cases = [
        ("<a/>", "<a></a>"),
        ("\u{feff}<a/>".trim_start_matches('\u{feff}'), "<a></a>"),
        ("<?xml version=\"1.0\"?>\n<a ></a >\n<!-- x --><?p?>", "<a></a><?p ?>"),
        ("<?xml version='1.1' encoding='UTF-8' standalone='no' ?><a/>", "<a></a>"),
        ("<?xml-x y?><a/>", "<?xml-x y?><a></a>"),
        ("<a b='1' c = \"2\"\n/>", "<a b=\"1\" c=\"2\"></a>"),
        ("<a b='x\ty\r\nz\rw'/>", "<a b=\"x y z w\"></a>"),
        ("<a b='&#9;&#xA;&lt;&amp;&apos;&quot;>'/>", "<a b=\"&#9;&#10;&lt;&amp;'&quot;&gt;\"></a>"),
        ("<a>x\r\ny\rz\n</a>", "<a>x&#10;y&#10;z&#10;</a>"),
        ("<a>&#13;\r</a>", "<a>&#13;&#10;</a>"),
        ("<a>] ]] ]>]]&gt;</a>", "<a>] ]] ]&gt;]]&gt;</a>"),
        ("<a><![CDATA[<b>&amp;]]]]><![CDATA[>\r\n]]></a>", "<a>&lt;b&gt;&amp;amp;]]&gt;&#10;</a>"),
        ("<a><!-- - -- -->x</a>".replace(" -- ", " - ").leak(), "<a>x</a>"),
        ("<a><?p ?x? ?></a>", "<a><?p ?x? ?></a>"),
        ("<é ü='ß'>日本\u{10000}</é>", "<é ü=\"ß\">日本\u{10000}</é>"),
        ("<a>&#x1F600;&#128512;</a>", "<a>😀😀</a>"),
        ("<x:a xmlns:x='u' x:b='' b=''><x:c/></x:a>", "<x:a b=\"\" x:b=\"\" xmlns:x=\"u\"><x:c></x:c></x:a>"),
        ("<a xml:lang='de' xmlns=''/>", "<a xml:lang=\"de\" xmlns=\"\"></a>"),
    ];
    for (document, expected) in cases {
        check(document, expected);
    }
}

#[test]
fn document_type_declarations() {
    let cases = [
        ("<!DOCTYPE a><a/>", "<a></a>"),
        ("<!DOCTYPE a SYSTEM 'nowhere.dtd' [ ] ><a>&x;</a>", "<a></a>"),
        ("<!DOCTYPE a PUBLIC '-//X//Y' \"nowhere.dtd\"><a/>", "<a></a>"),
        ("<!DOCTYPE a [<!ENTITY e 'x&#38;#60;y'>]><a b='&e;'>&e;</a>", "<a b=\"x&lt;y\">x&lt;y</a>"),
        ("<!DOCTYPE a [<!ENTITY e '<b>x</b>&f;'><!ENTITY f 'y'>]><a>&e;</a>", "<a><b>x</b>y</a>"),
        ("<!DOCTYPE a [<!ENTITY e 'x'><!ENTITY e 'y'>]><a>&e;</a>", "<a>x</a>"),
        ("<!DOCTYPE a [<!ENTITY e SYSTEM 'http://nowhere/'>]><a>x&e;y</a>", "<a>xy</a>"),
        (
            "<!DOCTYPE a [<!ATTLIST a b CDATA 'x' c NMTOKENS ' y  z ' d ID #IMPLIED>]><a d=' 1  2 '/>",
            "<a b=\"x\" c=\"y z\" d=\"1 2\"></a>",
        ),
        (
            "<!DOCTYPE a [<!ATTLIST a b (x|y) #REQUIRED c NOTATION (n) #FIXED 'n'><!NOTATION n SYSTEM 's'>]><a b=' y '/>",
            "<!DOCTYPE a [\n<!NOTATION n SYSTEM 's'>\n]>\n<a b=\"y\" c=\"n\"></a>",
        ),
        (
            "<!DOCTYPE a [<!ELEMENT a (b,(c|d)*,e?)+><!ELEMENT b (#PCDATA|c)*><!ELEMENT c EMPTY><!ELEMENT d ANY>]><a/>",
            "<a></a>",
        ),
        ("<!DOCTYPE a [<!ENTITY % p '<!ENTITY e \"x\">'> %p; <!-- ' --> <?q '?>]><a>&e;</a>", "<?q '?><a>x</a>"),
        ("<!DOCTYPE a [<!ENTITY % p SYSTEM 'p'> %p; <!ENTITY e 'x'>]><a>&e;</a>", "<a></a>"),
        (
            "<?xml version='1.0' standalone='yes'?><!DOCTYPE a [<!ENTITY % p SYSTEM 'p'> %p; <!ENTITY e 'x'>]><a>&e;</a>",
            "<a>x</a>",
        ),
        (
            "<!DOCTYPE a [<!ATTLIST b xmlns:p CDATA 'u'>]><a><b><p:c/></b></a>",
            "<a><b xmlns:p=\"u\"><p:c></p:c></b></a>",
        ),
    ];
    for (document, expected) in cases {
        check(document, expected);
    }
}

#[test]
fn faults() {
    let cases = [
        ("", "Empty"),
        (" \n", "Empty"),
        ("<!-- x -->", "10: the document ends before its root element"),
        ("x<a/>", "0: expected `<`, found `x`: text before the root element"),
        (" <?xml version='1.0'?><a/>", "1: an XML declaration may stand at the very start of a document only"),
        ("<?xml version='2.0'?><a/>", "15: version `2.0` of XML, expected 1.0"),
        ("<?xml version='1.0' standalone='maybe'?><a/>", "32: standalone is `maybe`, expected `yes` or `no`"),
        ("<?xml version='1.0' encoding='UTF-16'?><a/>", "30: the document says that it is UTF-16, but it is UTF-8"),
        ("<?xml version='1.0' encoding='-'?><a/>", "30: `-` is no name of an encoding"),
        ("<a", "2: the document ends inside a tag"),
        ("<a>", "3: the document ends inside element `a`"),
        ("<a><b>x</a>", "7: `</a>` where `</b>` was expected"),
        ("<a/><b/>", "4: a second root element; a document has one"),
        ("<a/>x", "4: text behind the root element"),
        ("<a></a></a>", "7: an end tag without a start tag"),
        ("<a b='1' b='2'/>", "0: attribute `b` stands twice in a tag"),
        ("<a b=1/>", "5: expected the value of an attribute in quotes"),
        ("<a b/>", "4: expected `=` behind the name of an attribute"),
        ("<a b='<'/>", "6: `<` in the value of an attribute, where it is written `&lt;`"),
        ("<a b='1'c='2'/>", "8: expected a blank, `/>` or `>` in a tag, found `c`"),
        ("<a>a & b</a>", "6: expected a name or `#` behind `&`; `&` alone is written `&amp;`"),
        ("<a>1 < 2</a>", "6: expected the name of an element behind `<`; `<` alone is written `&lt;`"),
        ("<a>]]></a>", "3: `]]>` in text, where it is written `]]&gt;`"),
        ("<a>&x;</a>", "3: entity `x` is not declared"),
        ("<a>&lt</a>", "6: expected `;` at the end of a reference"),
        ("<a>&#0;</a>", "3: `&#0;` is no character that a document may hold"),
        ("<a>&#xD800;</a>", "3: `&#xD800;` is no character that a document may hold"),
        ("<a>&#99999999999;</a>", "3: `&#99999999999;` is no character that a document may hold"),
        ("<a>x\0</a>", "4: Forbidden('\\0')"),
        ("<a><!-- x -- y --></a>", "10: `--` inside a comment"),
        ("<a><!-- x", "9: the document ends inside a comment"),
        ("<a><![CDATA[x]]", "15: the document ends inside a CDATA section"),
        ("<a><?x y", "8: the document ends inside a processing instruction"),
        ("<a><?XML y?></a>", "3: an XML declaration may stand at the very start of a document only"),
        ("<x:a/>", "0: prefix `x` of element `x:a` is not declared"),
        ("<a x:b=''/>", "0: prefix `x` of attribute `x:b` is not declared"),
        ("<a:b:c/>", "0: `a:b:c` is no name with a prefix"),
        ("<a xmlns:x='u' xmlns:y='u' x:b='' y:b=''/>", "0: two attributes `b` of the namespace `u`"),
        ("<a xmlns:x=''/>", "0: `xmlns:x=\"\"`: a prefix cannot stand for no namespace"),
        ("<a xmlns:xmlns='u'/>", "0: `xmlns:xmlns=\"u\"`: the prefix `xmlns` cannot be declared"),
        ("<a><x:b xmlns:x='u'/><x:c/></a>", "21: prefix `x` of element `x:c` is not declared"),
        ("<!DOCTYPE a [<!ENTITY e '<b>'>]><a>&e;</b></a>", "35: in entity `e`: element `b` is not closed"),
        ("<!DOCTYPE a [<!ENTITY e '</a>'>]><a>&e;", "36: in entity `e`: `</a>` without a start tag"),
        (
            "<!DOCTYPE a [<!ENTITY e '&f;'><!ENTITY f '&e;'>]><a>&e;</a>",
            "52: in entity `f`: entity `e` refers to itself",
        ),
        ("<!DOCTYPE a [<!ENTITY e SYSTEM 'x'>]><a b='&e;'/>", "43: external entity `e` in the value of an attribute"),
        (
            "<!DOCTYPE a [<!ENTITY e '&#60;'>]><a b='&e;'/>",
            "40: in entity `e`: `<` in the value of an attribute, where it is written `&lt;`",
        ),
        (
            "<!DOCTYPE a [<!ENTITY % p 'x'><!ENTITY e '%p;'>]><a/>",
            "42: a `%` inside an entity's value, where the internal subset allows none",
        ),
        ("<!DOCTYPE a [<![INCLUDE[ ]]>]><a/>", "13: a conditional section, which may stand in an external subset only"),
        ("<!DOCTYPE a [<!ELEMENT a (b,c|d)>]><a/>", "29: `|` and `,` in one group"),
        ("<!DOCTYPE a [<!ELEMENT a (#PCDATA|b)>]><a/>", "36: expected `*` behind `)` of mixed content"),
        ("<!DOCTYPE a [<!ATTLIST a b TEXT 'x'>]><a/>", "27: `TEXT` is no type of an attribute"),
        (
            "<!DOCTYPE a [<!ENTITY % p '<!ENTITY e'>%p;]><a/>",
            "39: in parameter entity `p`: the text ends inside markup",
        ),
        ("<!DOCTYPE a><!DOCTYPE a><a/>", "12: a second document type declaration"),
        ("<a/><!DOCTYPE a>", "4: expected a comment, an instruction or an element"),
    ];
    for (document, expected) in cases {
        check(document, expected);
    }
}

#[test]
fn entity_bombs_are_refused() {
    let lol = |levels: usize| {
        let mut dtd = "<!DOCTYPE a [<!ENTITY e0 'lol'>".to_owned();
        for level in 1..levels {
            let body = format!("&e{};", level - 1).repeat(10);
            dtd.push_str(&format!("<!ENTITY e{level} '{body}'>"));
        }
        dtd + "]>"
    };
    let all = |document: &str| read(document.as_bytes(), Rules::default(), usize::MAX / 2);
    let billion = format!("{}<a>&e9;</a>", lol(10));
    assert!(
        all(&billion).ends_with("entities stand for more than 100 times the document's own text"),
        "{}",
        all(&billion)
    );
    let inside = format!("{}<a b='&e9;'/>", lol(10));
    assert!(all(&inside).ends_with("entities stand for more than 100 times the document's own text"));
    let quadratic = format!("<!DOCTYPE a [<!ENTITY e '{}'>]><a>{}</a>", "x".repeat(50_000), "&e;".repeat(50_000));
    assert!(all(&quadratic).ends_with("entities stand for more than 100 times the document's own text"));
    let parameters: String =
        (1..12).map(|i| format!("<!ENTITY &#37; p{i} '{}'>", format!("&#37;p{};", i - 1).repeat(10))).collect();
    let parameters =
        format!("<!DOCTYPE a [<!ENTITY % p0 '{}'>{}%p11;]><a/>", " ".repeat(5000), parameters.replace("&#37; ", "% "));
    assert!(all(&parameters).contains("entities stand for more than"), "{}", all(&parameters));
    let chain: String = (1..100).map(|i| format!("<!ENTITY e{i} '&e{};'>", i - 1)).collect();
    let chain = format!("<!DOCTYPE a [<!ENTITY e0 'x'>{chain}]><a>&e99;</a>");
    assert!(all(&chain).ends_with("entity `e67`: entities are nested deeper than 32"), "{}", all(&chain));
    let modest = format!("{}<a>&e3;</a>", lol(4));
    assert_eq!(all(&modest), format!("<a>{}</a>", "lol".repeat(1000)));
}

#[test]
fn sizes_of_entities_are_known() {
    let sizes = |declarations: &str| {
        let document = format!("<!DOCTYPE a [{declarations}]><a/>");
        let mut parser = Parser::new(Rules::default());
        let mut at = 0;
        while !parser.at_element(&document, at) {
            parser.step(&document, &mut at, true, &mut super::parser::Ignore).unwrap();
        }
        let mut sizes: Vec<_> = parser.context().dtd.sizes().into_iter().collect();
        sizes.sort();
        sizes.into_iter().map(|(name, size)| format!("{name}={size}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(sizes("<!ENTITY a 'xy&b;&b;'><!ENTITY b '123'><!ENTITY c SYSTEM 'u'>"), "a=14 b=3");
    let doubling: String = (1..80).map(|i| format!("<!ENTITY e{i:02} '&e{0:02};&e{0:02};'>", i - 1)).collect();
    assert!(sizes("<!ENTITY a '&b;'><!ENTITY b '&a;&b;'>").starts_with("a="));
    assert!(sizes(&format!("<!ENTITY e00 'x'>{doubling}")).ends_with(&format!("e79={}", u64::MAX)));
}

#[test]
fn depth_is_limited() {
    let deep = |depth: usize| [vec!["<a>"; depth], vec!["</a>"; depth]].concat().concat();
    assert!(read(deep(1024).as_bytes(), Rules::default(), usize::MAX / 2).starts_with("<a>"));
    assert_eq!(read(deep(100_000).as_bytes(), Rules::default(), usize::MAX / 2), "3072: TooDeep(1024)");
    let rules = Rules { depth: 3, ..Rules::default() };
    assert_eq!(read(deep(4).as_bytes(), rules, 5), "9: TooDeep(3)");
    let groups = format!("<!DOCTYPE a [<!ELEMENT a {}>]><a/>", "(".repeat(100_000));
    assert_eq!(read(groups.as_bytes(), Rules::default(), usize::MAX / 2), "1049: groups are nested deeper than 1024");
}

#[test]
fn many_attributes_take_no_more_than_their_number() {
    // Each with each would be 5,000 million comparisons.
    let many: String = (0..100_000).map(|i| format!(" a{i}='' x:b{i}=''")).collect();
    let document = format!("<a xmlns:x='u'{many}/>");
    assert!(read(document.as_bytes(), Rules::default(), usize::MAX / 2).starts_with("<a a0="));
    let twice = format!("<a xmlns:x='u'{many} a7=''/>");
    assert_eq!(read(twice.as_bytes(), Rules::default(), usize::MAX / 2), "0: attribute `a7` stands twice in a tag");
}

/// Pieces that documents are made of, and some that break them.
fn document() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "<a>",
        "</a>",
        "<b c='1'>",
        "</b>",
        "<a/>",
        "x",
        "text with blanks and more of it than a word",
        " ",
        "\n",
        "\r\n",
        "\r",
        "]",
        "]]",
        "]]>",
        ">",
        "<",
        "&",
        "&amp;",
        "&#65;",
        "&e;",
        "&f;",
        "<!--",
        "-->",
        "--",
        "<![CDATA[",
        "<?p",
        "?>",
        "<?p q?>",
        "é",
        "日",
        "'",
        "\"",
        "=",
        "<x:a xmlns:x='u'>",
        "</x:a>",
        "<x:a/>",
        "\t",
        "\u{1}",
        "\u{ffff}",
    ]);
    let prolog = prop::sample::select(vec![
        "",
        "<?xml version='1.0'?>",
        "<!DOCTYPE a [<!ENTITY e 'x<a>]]</a>'><!ENTITY f '\r&#13;&e;'><!ATTLIST a d NMTOKEN ' 1 '>]>",
    ]);
    (prolog, prop::collection::vec(piece, 0..40), prop::bool::ANY).prop_map(|(prolog, pieces, wrapped)| {
        let body = pieces.concat();
        let body = if wrapped { format!("<a>{body}</a>") } else { body };
        format!("{prolog}{body}").into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn paths_and_steps_do_not_matter(document in document(), step in 1usize..50) {
        let whole = read(&document, Rules { fast: false, ..Rules::default() }, usize::MAX / 2);
        prop_assert_eq!(&read(&document, Rules::default(), usize::MAX / 2), &whole);
        prop_assert_eq!(&read(&document, Rules::default(), step), &whole);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), step in 1usize..50) {
        let whole = read(&bytes, Rules::default(), usize::MAX / 2);
        prop_assert_eq!(read(&bytes, Rules::default(), step), whole);
    }

    #[test]
    fn canonical_forms_are_their_own(document in document()) {
        let canonical = read(&document, Rules::default(), usize::MAX / 2);
        if canonical.starts_with('<') {
            prop_assert_eq!(read(canonical.as_bytes(), Rules::default(), usize::MAX / 2), canonical);
        }
    }
}
