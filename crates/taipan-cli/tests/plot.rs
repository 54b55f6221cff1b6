//! `taipan plot` and `taipan report`: pictures of files and models, in every form, and nothing left behind by mistakes.

mod support;

use std::fs;

use support::Workplace;

#[test]
fn pictures_are_written_by_the_name_of_their_file() {
    let place = Workplace::new();
    for (file, begins) in
        [("a.svg", &b"<svg "[..]), ("a.png", &b"\x89PNG\r\n"[..]), ("a.html", &b"<!doctype html>"[..])]
    {
        let ran = place.run(&["plot", "box", "tips.csv", "--x", "day", "--y", "tip", "--facet", "sex", "-o", file]);
        assert_eq!((ran.code, ran.stderr), (0, format!("wrote {file}\n")));
        assert!(fs::read(place.path(file)).unwrap().starts_with(begins), "{file}");
    }
    let text = place.ok(&["plot", "scatter", "tips.csv", "--x", "total_bill", "--y", "tip"]);
    assert!(text.contains("total_bill") && text.contains('└') && !text.contains('\u{1b}'), "{text}");
    let svg = place.ok(&["plot", "pair", "iris.csv", "--color", "species", "-o", "-"]);
    assert_eq!(svg.matches("<circle ").count(), 12 * 150 + 3);
}

#[test]
fn models_are_drawn() {
    let place = Workplace::new();
    let train = |name: &str, more: &[&str]| {
        place.ok(&[&["train", "iris.csv", "--estimator", name], more].concat());
    };
    train("DecisionTreeClassifier", &["--target", "species", "--random-state", "0", "-o", "tree.model"]);
    train("PCA", &["--exclude", "species", "-o", "pca.model"]);
    let draw = |arguments: &[&str]| place.ok(&[&["plot"], arguments, &["-o", "-"]].concat());
    assert!(draw(&["tree", "tree.model"]).contains("petal_"));
    assert!(draw(&["confusion", "tree.model", "iris.csv"]).contains("setosa predicted as setosa: 50 (100.0 %)"));
    assert!(draw(&["roc", "tree.model", "iris.csv"]).contains("virginica (AUC 0.995)"));
    assert!(draw(&["precision-recall", "tree.model", "iris.csv"]).contains("setosa (AP 1.000)"));
    assert!(draw(&["importance", "tree.model"]).contains("petal_length"));
    assert!(draw(&["boundary", "tree.model", "iris.csv"]).contains("versicolor"));
    assert!(draw(&["pca", "pca.model", "iris.csv", "--color", "species"]).contains("PC1 (92.5 % of the variance)"));
    assert!(draw(&["learning-curve", "tree.model", "iris.csv"]).contains("rows learnt from"));
    let curve = ["validation-curve", "tree.model", "iris.csv", "--parameter", "max_depth=1,2,3"];
    assert!(draw(&curve).contains("max_depth"));
}

#[test]
fn mistakes_are_named_and_leave_nothing() {
    let place = Workplace::new();
    place.ok(&["train", "tips.csv", "--estimator", "LinearRegression", "--target", "tip", "-o", "tips.model"]);
    let before = place.files();
    for (arguments, expected) in [
        (&["boxx", "tips.csv"][..], "error: unknown plot kind \"boxx\"; did you mean \"box\"?\n"),
        (&["scatter", "tips.csv", "--x", "tip"], "error: a scatter plot needs y\n"),
        (&["scatter", "tips.csv", "--x", "tpi", "--y", "size"], "error: no column 'tpi'\nhint: did you mean 'tip'?\n"),
        (
            &["scatter", "tips.csv", "--x", "day", "--y", "tip", "-o", "x.svg"],
            "error: \"day\" holds text (\"Sun\" in row 1); x of a scatter plot must be numbers\n",
        ),
        (
            &["box", "tips.csv", "--y", "tip", "-o", "x.pdf"],
            "error: x.pdf: the name does not end in svg, png or html\n",
        ),
        (&["box", "tips.csv", "--y", "tip", "-o", "nowhere/x.svg"], "error: nowhere/x.svg: no such folder\n"),
        (
            &["confusion", "tips.model", "tips.csv"],
            "error: a confusion plot needs a classifier; LinearRegression is a regressor\n",
        ),
        (&["confusion", "tips.model"], "error: a confusion plot needs a classifier; LinearRegression is a regressor\n"),
    ] {
        let ran = place.run(&[&["plot"], arguments].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (1, expected), "{arguments:?}");
    }
    assert_eq!(place.files(), before);
}

#[test]
fn a_report_tells_what_a_file_holds() {
    let place = Workplace::new();
    let ran = place.run(&["report", "tips.csv", "-o", "tips.html"]);
    assert_eq!(ran.stderr, "wrote tips.html: 244 rows, 7 columns\n");
    let page = fs::read_to_string(place.path("tips.html")).unwrap();
    for said in [
        "<dt>rows</dt><dd>244</dd>",
        "<dt>repeated rows</dt><dd>1 (0.4 %)</dd>",
        "<dt>quartiles</dt><dd>13.3475, 17.795, 24.1275</dd>",
        "total_bill and tip go together: r = 0.676",
        "default-src 'none'",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert!(!page.contains(" src=") && !page.contains("href=\"http"));
    let mut odd = String::from("a,b,c\n");
    for row in 0..2000 {
        let a = if row % 3 == 0 { String::new() } else { row.to_string() };
        odd.push_str(&[a, (row / 2).to_string(), "<b>x</b>\n".to_owned()].join(","));
    }
    fs::write(place.path("odd.csv"), odd).unwrap();
    place.ok(&["report", "odd.csv", "-o", "odd.html"]);
    let page = fs::read_to_string(place.path("odd.html")).unwrap();
    for said in [
        "is missing in 33.4 % of the rows",
        "has the same value in every row",
        "&lt;b&gt;x&lt;/b&gt;",
        "Missing values",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert!(!page.contains("<b>x</b>"));
    let before = place.files();
    let ran = place.run(&["report", "nothing.csv", "-o", "new.html"]);
    assert_eq!(ran.code, 1);
    assert_eq!(place.files(), before);
}

/// The gallery shows what its commands draw. `TAIPAN_ACCEPT=1` draws it anew.
#[test]
fn the_gallery_is_what_its_commands_draw() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let page = fs::read_to_string(docs.join("gallery.md")).unwrap();
    let place = Workplace::new();
    let accept = std::env::var_os("TAIPAN_ACCEPT").is_some();
    let mut pictures = 0;
    for command in page.lines().filter_map(|line| line.strip_prefix("taipan ")) {
        let arguments: Vec<&str> = command.split(' ').collect();
        place.ok(&arguments);
        let Some(name) =
            arguments.last().filter(|name| std::path::Path::new(name).extension().is_some_and(|kind| kind == "svg"))
        else {
            continue;
        };
        assert!(page.contains(&format!("(gallery/{name})")), "{name} is drawn but not shown");
        let drawn = place.read(name);
        let shown = docs.join("gallery").join(name);
        if accept {
            fs::write(&shown, &drawn).unwrap();
        }
        assert!(fs::read_to_string(&shown).unwrap_or_default() == drawn, "{name}: draw the gallery anew, see above");
        pictures += 1;
    }
    assert_eq!(pictures, page.matches("](gallery/").count());
}

/// Points are counted as they come; a value that does not fit what the first megabytes hold begins the picture anew.
#[test]
fn a_picture_is_the_same_wherever_the_odd_value_stands() {
    let place = Workplace::new();
    let points = |odd: &str, first: bool| {
        let rows: String = (0..600_000)
            .flat_map(|i| [(i % 1000 + 100_000).to_string(), ",".into(), (i % 777 + 100_000).to_string(), "\n".into()])
            .collect();
        if first { format!("x,y\n{odd}\n{rows}") } else { format!("x,y\n{rows}{odd}\n") }
    };
    for (odd, drawn) in [("100000.25,100000.5", true), ("100000.25,many", false)] {
        let pictures = ["first.csv", "last.csv"].map(|file| {
            place.write(file, points(odd, file == "first.csv"));
            let ran = place.run(&["plot", "scatter", file, "--x", "x", "--y", "y", "-o", "p.svg"]);
            assert_eq!(ran.code == 0, drawn, "{}", ran.stderr);
            (drawn.then(|| place.read("p.svg")), ran.stderr)
        });
        if drawn {
            assert_eq!(pictures[0], pictures[1]);
        } else {
            assert!(pictures[0].1.contains("\"y\" holds text (\"many\" in row 1)"), "{}", pictures[0].1);
            assert!(pictures[1].1.contains("\"y\" holds text (\"many\" in row 600001)"), "{}", pictures[1].1);
        }
    }
}
