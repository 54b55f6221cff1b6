//! The grammar as a table: text, and the tree or the complaint it gives.

use super::*;

fn text(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

#[test]
fn conditions_read_as_written() {
    let cases = [
        ("eq.5", false, Operator::Compare(Compare::Eq, text("5"))),
        ("not.neq.a.b,c)", true, Operator::Compare(Compare::Neq, text("a.b,c)"))),
        ("eq.", false, Operator::Compare(Compare::Eq, text(""))),
        ("eq.\"x\"", false, Operator::Compare(Compare::Eq, text("\"x\""))),
        ("in.(a,b,\"c,d\")", false, Operator::In(vec![text("a"), text("b"), text("c,d")])),
        ("in.(\"a\\\"b\\\\\", c d,e\"f)", false, Operator::In(vec![text("a\"b\\"), text("c d"), text("e\"f")])),
        ("in.(\"a\"b)", false, Operator::In(vec![text("\"a\"b")])),
        ("in.()", false, Operator::In(vec![])),
        ("in.(\"\")", false, Operator::In(vec![text("")])),
        ("in.(a,)", false, Operator::In(vec![text("a"), text("")])),
        ("is.NULL", false, Operator::Is(Is::Null)),
        ("is.not_null", false, Operator::Is(Is::NotNull)),
        ("not.is.unknown", true, Operator::Is(Is::Unknown)),
        ("like.*a_*", false, Operator::Like { pattern: "%a_%".to_owned(), case_sensitive: true }),
        ("ilike.%a", false, Operator::Like { pattern: "%a".to_owned(), case_sensitive: false }),
        ("imatch.^a.c", false, Operator::Match { pattern: text("^a.c"), case_sensitive: false }),
        ("not.isdistinct.5", true, Operator::Distinct(text("5"))),
        (
            "eq(any).{1,\"2,}\"}",
            false,
            Operator::Quantified {
                all: false,
                members: vec![Operator::Compare(Compare::Eq, text("1")), Operator::Compare(Compare::Eq, text("2,}"))],
            },
        ),
    ];
    for (input, negated, operator) in cases {
        assert_eq!(condition(input), Ok(Condition { negated, operator }), "{input}");
    }
}

#[test]
fn a_bad_condition_says_where_and_what_was_expected() {
    let cases = [
        ("5", "(5) (line 1, column 1)", "unexpected \"5\", expecting \"not\" or operator (eq, "),
        ("ag.5", "(ag.5) (line 1, column 1)", "unexpected \"a\""),
        ("", "() (line 1, column 1)", "unexpected end of input"),
        ("not.é.5", "(not.é.5) (line 1, column 5)", "unexpected \"é\", expecting operator (eq"),
        ("in.1,2", "(in.1,2) (line 1, column 4)", "expecting \"(\""),
        ("in.(1,2", "(in.(1,2) (line 1, column 8)", "unexpected end of input, expecting \",\" or \")\""),
        ("in.(1)2", "(in.(1)2) (line 1, column 7)", "unexpected \"2\", expecting end of input"),
        ("is.nil", "(is.nil) (line 1, column 4)", "expecting null, not_null, true, false or unknown"),
    ];
    for (input, place, expected) in cases {
        let error = condition(input).expect_err(input);
        let json = serde_json::to_value(&error).expect("an error is JSON");
        assert_eq!(json["message"], format!("failed to parse filter {place}"), "{input}");
        assert!(json["details"].as_str().is_some_and(|details| details.contains(expected)), "{input}: {json}");
    }
}

#[test]
fn groups_nest_and_quote() {
    let is_column = |name: &str| matches!(name, "a" | "b.c" | "or" | "a,b");
    let tree = group(Join::Or, false, "(a.eq.1, not.and(b.c.lt.2,\"a,b\".is.null) ,or.in.(1,2))", &is_column);
    let leaf =
        |column, operator| Tree::Leaf { column: text(column), condition: Condition { negated: false, operator } };
    assert_eq!(
        tree,
        Ok(Tree::Group {
            negated: false,
            join: Join::Or,
            members: vec![
                leaf("a", Operator::Compare(Compare::Eq, text("1"))),
                Tree::Group {
                    negated: true,
                    join: Join::And,
                    members: vec![
                        leaf("b.c", Operator::Compare(Compare::Lt, text("2"))),
                        leaf("a,b", Operator::Is(Is::Null)),
                    ],
                },
                leaf("or", Operator::In(vec![text("1"), text("2")])),
            ],
        })
    );
    for bad in ["", "()", "(a)", "(a.eq.1", "a.eq.1", "(a.eq.1))", "(a.eq.1,)", "(and())"] {
        assert_eq!(group(Join::Or, false, bad, &is_column).map_err(|error| error.code()), Err("PGRST100"), "{bad}");
    }
}

#[test]
fn deep_nesting_is_refused() {
    let deep = |levels: usize| format!("{}(a.eq.1){}", "(and".repeat(levels), ")".repeat(levels));
    let is_column = |_: &str| true;
    assert!(group(Join::And, false, &deep(MAX_DEPTH - 1), &is_column).is_ok());
    assert!(group(Join::And, false, &deep(MAX_DEPTH), &is_column).is_err());
    assert!(group(Join::And, false, &deep(10_000), &is_column).is_err());
}

#[test]
fn selects_and_orders() {
    let column = |name, alias: Option<&'static str>| Item::Column {
        name: text(name),
        steps: Steps::default(),
        alias: alias.map(text),
        cast: None,
        aggregate: None,
    };
    assert_eq!(
        select("*, a,alias:b c,\"x,y\":\"p:q\",sepal.length"),
        Ok(vec![
            Item::Star,
            column("a", None),
            column("b c", Some("alias")),
            column("p:q", Some("x,y")),
            column("sepal.length", None),
        ])
    );
    for (bad, code) in [
        ("a->", "PGRST100"),
        ("a->>b->c", "PGRST100"),
        ("a,,b", "PGRST100"),
        ("a:", "PGRST100"),
        ("a(b", "PGRST100"),
        ("a!b", "PGRST100"),
        ("...a", "PGRST100"),
    ] {
        assert_eq!(select(bad).map_err(|error| error.code()), Err(code), "{bad}");
    }

    let steps = |keys: &[&str], as_text| Steps {
        steps: keys.iter().map(|key| Step::Key((*key).to_owned())).collect(),
        as_text,
    };
    assert_eq!(
        select("n:data->a->>b::int,salary.avg()::text,count(),boss:employees!manager!inner(name,...city(*))"),
        Ok(vec![
            Item::Column {
                name: text("data"),
                steps: steps(&["a", "b"], true),
                alias: Some(text("n")),
                cast: Some("int"),
                aggregate: None,
            },
            Item::Column {
                name: text("salary"),
                steps: Steps::default(),
                alias: None,
                cast: None,
                aggregate: Some((Aggregate::Avg, Some("text"))),
            },
            Item::Count { alias: None, cast: None },
            Item::Embed {
                name: text("employees"),
                alias: Some(text("boss")),
                hint: Some(text("manager")),
                inner: true,
                spread: false,
                items: vec![
                    column("name", None),
                    Item::Embed {
                        name: text("city"),
                        alias: None,
                        hint: None,
                        inner: false,
                        spread: true,
                        items: vec![Item::Star],
                    },
                ],
            },
        ])
    );

    let is_column = |name: &str| matches!(name, "a" | "a.b" | "c");
    let term = |name, descending, nulls_first| Term {
        embed: None,
        name: text(name),
        steps: Steps::default(),
        descending,
        nulls_first,
    };
    assert_eq!(
        order("a.desc.nullslast,a.b,c.nullsfirst,\"c\".asc,x", &is_column),
        Ok(vec![
            term("a", true, Some(false)),
            term("a.b", false, None),
            term("c", false, Some(true)),
            term("c", false, None),
            term("x", false, None),
        ])
    );
    assert_eq!(
        order("city(name).desc,a->>x.asc", &is_column),
        Ok(vec![
            Term { embed: Some(text("city")), ..term("name", true, None) },
            Term { steps: steps(&["x"], true), ..term("a", false, None) },
        ])
    );
    for bad in ["", "a.descc", "a.nullslast.desc", "a,,c", "a()", "a(b"] {
        assert_eq!(order(bad, &is_column).map_err(|error| error.code()), Err("PGRST100"), "{bad}");
    }
}
