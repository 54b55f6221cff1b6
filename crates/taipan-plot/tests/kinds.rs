//! Looks at every kind: marks where the data says, one for each thing shown, in SVG, PNG, HTML and the terminal.

#![allow(clippy::unwrap_used)] // clippy's leave for tests does not reach the functions they share

use proptest::prelude::*;
use roxmltree::{Document, Node};
use taipan_plot::model::{self, Boundary, Components, Curve, Scores};
use taipan_plot::{Chart, Crowd, Data, Fonts, Ink, Kind, Picture, SCRIPT, Theme, script_hash};

const TIPS: &str = include_str!("../../../examples/demo/tips.csv");
const IRIS: &str = include_str!("../../../examples/demo/iris.csv");
const FLOWERS: [&str; 4] = ["sepal_length", "sepal_width", "petal_length", "petal_width"];

fn column(table: &str, name: &str) -> Data {
    let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let index = lines.next().unwrap().iter().position(|h| *h == name).unwrap();
    let cells: Vec<&str> = lines.map(|line| line[index]).collect();
    match cells.iter().map(|cell| cell.parse().ok()).collect() {
        Some(numbers) => Data::Numbers(numbers),
        None => Data::text(cells),
    }
}

fn tips(kind: Kind, x: &str, y: &str) -> Chart {
    Chart::new(kind).x(x, column(TIPS, x)).y(y, column(TIPS, y))
}

fn flowers(kind: Kind) -> Chart {
    FLOWERS.iter().fold(Chart::new(kind), |chart, name| chart.column(*name, column(IRIS, name)))
}

fn attribute(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).unwrap().parse().unwrap()
}

/// The words of an axis of the panel at `index`, with the pixels where they stand.
fn ticks(document: &Document<'_>, index: usize, axis: &str) -> Vec<(f64, String)> {
    let panel = document.descendants().filter(|n| n.attribute("class") == Some("panel")).nth(index).unwrap();
    let axis = panel.descendants().find(|n| n.attribute("class") == Some(axis)).unwrap();
    let words = axis.descendants().filter(|n| n.has_tag_name("text") && n.attribute("font-size") == Some("12"));
    let across = axis.attribute("class") == Some("x-axis");
    let at = |n: Node<'_, '_>| if across { attribute(n, "x") } else { attribute(n, "y") - 4.374 };
    words.map(|n| (at(n), n.text().unwrap().to_owned())).collect()
}

/// The value at a pixel, as a reader would read it off the ticks.
fn read(ticks: &[(f64, String)], pixel: f64) -> f64 {
    let value = |i: usize| ticks[i].1.replace('−', "-").replace(',', "").parse::<f64>().unwrap();
    let last = ticks.len() - 1;
    value(0) + (pixel - ticks[0].0) / (ticks[last].0 - ticks[0].0) * (value(last) - value(0))
}

fn marks<'d>(document: &'d Document<'d>, panel: usize) -> Node<'d, 'd> {
    document.descendants().filter(|n| n.attribute("class") == Some("marks")).nth(panel).unwrap()
}

fn count(document: &Document<'_>, tag: &str) -> usize {
    let marks = document.descendants().filter(|n| n.attribute("class") == Some("marks"));
    marks.flat_map(|m| m.descendants()).filter(|n| n.has_tag_name(tag)).count()
}

fn panels(document: &Document<'_>) -> usize {
    document.descendants().filter(|n| n.attribute("class") == Some("panel")).count()
}

fn words(document: &Document<'_>) -> Vec<String> {
    document.descendants().filter(|n| n.has_tag_name("text")).filter_map(|n| n.text().map(str::to_owned)).collect()
}

#[test]
fn boxes_reach_from_quartile_to_quartile() {
    let svg = tips(Kind::Box, "day", "total_bill").to_svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    let scale = ticks(&document, 0, "y-axis");
    let boxes: Vec<(f64, f64)> = marks(&document, 0)
        .descendants()
        .filter(|n| n.has_tag_name("rect"))
        .map(|n| (attribute(n, "y"), attribute(n, "y") + attribute(n, "height")))
        .collect();
    // numpy.percentile of each day, 25 and 75.
    for ((top, bottom), (first, third)) in
        boxes.iter().zip([(14.9875, 25.5975), (13.905, 24.74), (12.4425, 20.155), (12.095, 21.75)])
    {
        assert!((read(&scale, *top) - third).abs() < 0.05, "{} is not {third}", read(&scale, *top));
        assert!((read(&scale, *bottom) - first).abs() < 0.05, "{} is not {first}", read(&scale, *bottom));
    }
    assert_eq!(boxes.len(), 4);
    // Rows beyond the whiskers, as seaborn shows them.
    assert_eq!(count(&document, "circle"), 12);
    assert!(svg.contains("Sun: median 19.63, quartiles 14.9875 and 25.5975"), "{svg}");
}

#[test]
fn violins_densities_and_strips_show_every_group() {
    let violin = tips(Kind::Violin, "day", "total_bill").color("sex", column(TIPS, "sex")).to_svg().unwrap();
    let document = Document::parse(&violin).unwrap();
    let shapes = marks(&document, 0).children().filter(|n| n.has_tag_name("path")).count();
    assert_eq!((shapes, count(&document, "rect"), count(&document, "circle")), (8, 8, 8));

    let density = Chart::new(Kind::Density).x("tip", column(TIPS, "tip")).color("day", column(TIPS, "day"));
    let density = density.to_svg().unwrap();
    assert_eq!(count(&Document::parse(&density).unwrap(), "path"), 8, "an area and a line for each day");

    let strip = tips(Kind::Strip, "day", "tip").to_svg().unwrap();
    let document = Document::parse(&strip).unwrap();
    assert_eq!(count(&document, "circle"), 244);
    let scale = ticks(&document, 0, "y-axis");
    let mut seen: Vec<f64> = marks(&document, 0)
        .descendants()
        .filter(|n| n.has_tag_name("circle"))
        .map(|n| read(&scale, attribute(n, "cy")))
        .collect();
    let Data::Numbers(mut tips) = column(TIPS, "tip") else { panic!() };
    seen.sort_by(f64::total_cmp);
    tips.sort_by(f64::total_cmp);
    assert!(seen.iter().zip(&tips).all(|(a, b)| (a - b).abs() < 0.02));
}

#[test]
fn fitted_lines_are_those_of_least_squares() {
    let svg = tips(Kind::Scatter, "total_bill", "tip").fit(true).to_svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    let (x, y) = (ticks(&document, 0, "x-axis"), ticks(&document, 0, "y-axis"));
    let paths: Vec<_> = marks(&document, 0).children().filter(|n| n.has_tag_name("path")).collect();
    assert_eq!(paths.len(), 2, "a band and a line");
    let ends: Vec<f64> =
        paths[1].attribute("d").unwrap().split(['M', 'L', ' ']).filter_map(|n| n.parse().ok()).collect();
    // numpy.polyfit(total_bill, tip, 1)
    for end in ends.chunks(2) {
        let (bill, tip) = (read(&x, end[0]), read(&y, end[1]));
        assert!((tip - (0.920_27 + 0.105_025 * bill)).abs() < 0.02, "{tip} at {bill}");
    }
}

#[test]
fn matrices_have_a_cell_for_each_pair() {
    let svg = flowers(Kind::Correlation).to_svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    assert_eq!(count(&document, "rect"), 16);
    // pandas' corr()
    let said = words(&document);
    for (expected, times) in [("1", 4), ("−0.12", 2), ("0.87", 2), ("0.82", 2), ("−0.43", 2), ("−0.37", 2), ("0.96", 2)]
    {
        let found = said.iter().filter(|w| *w == expected).count();
        assert!(found >= times, "{expected} stands {found} times");
    }
    let svg = tips(Kind::Heatmap, "day", "time").to_svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    assert_eq!(count(&document, "rect"), 6);
    assert!(svg.contains("Sun, Dinner: count 76") && svg.contains("Thur, Lunch: count 61"));
}

#[test]
fn grids_have_a_panel_for_each_pair_or_category() {
    let svg = flowers(Kind::Pair).color("species", column(IRIS, "species")).to_svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    assert_eq!((panels(&document), count(&document, "circle")), (16, 12 * 150));
    // The first panel is a histogram; the ticks beside it measure the points of its row, which have none of their own.
    let beside: Vec<f64> = ticks(&document, 0, "y-axis").iter().map(|(_, words)| words.parse().unwrap()).collect();
    assert!(beside.len() >= 2 && beside.iter().all(|tick| (4.0..=8.0).contains(tick)), "sepal lengths: {beside:?}");

    let svg = tips(Kind::Scatter, "total_bill", "tip").facet("day", column(TIPS, "day")).to_svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    assert_eq!((panels(&document), count(&document, "circle")), (4, 244));
    assert!(
        ["day = Sun", "day = Sat", "day = Thur", "day = Fri"].iter().all(|t| words(&document).iter().any(|w| w == t))
    );
    let scales: Vec<Vec<String>> =
        [0, 2].map(|p| ticks(&document, p, "y-axis").into_iter().map(|(_, w)| w).collect()).to_vec();
    assert_eq!(scales[0], scales[1], "panels share their axes");
    assert!(ticks(&document, 1, "y-axis").is_empty(), "inner panels leave the words to the outer ones");

    let svg = tips(Kind::Joint, "total_bill", "tip").to_svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    assert_eq!((panels(&document), count(&document, "circle")), (3, 244));
    let told: u32 = marks(&document, 0)
        .descendants()
        .filter(|n| n.has_tag_name("title"))
        .map(|n| n.text().unwrap().rsplit(' ').next().unwrap().parse::<u32>().unwrap())
        .sum();
    assert_eq!(told, 244);
}

#[test]
fn residuals_have_no_slope_left() {
    let svg = tips(Kind::Residuals, "total_bill", "tip").to_svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    let scale = ticks(&document, 0, "y-axis");
    let all: Vec<f64> = marks(&document, 0)
        .descendants()
        .filter(|n| n.has_tag_name("circle"))
        .map(|n| read(&scale, attribute(n, "cy")))
        .collect();
    assert_eq!(all.len(), 244);
    assert!((all.iter().sum::<f64>() / 244.0).abs() < 0.01);
}

#[test]
fn times_and_logarithms_have_their_own_ticks() {
    let days: Vec<f64> = (0..365).map(|d| 1_356_998_400.0 + f64::from(d) * 86_400.0).collect();
    let values = (0..365).map(|d| 10f64.powf(f64::from(d) / 100.0)).collect();
    let chart = Chart::new(Kind::Line).x("day", Data::Times(days)).y("value", Data::Numbers(values)).log_y(true);
    let svg = chart.to_svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    let said = |axis| ticks(&document, 0, axis).into_iter().map(|(_, w)| w).collect::<Vec<_>>();
    assert_eq!(said("x-axis"), ["2013", "Mar", "May", "Jul", "Sep", "Nov", "2014"]);
    assert_eq!(said("y-axis"), ["1", "10", "100", "1000"]);
    let dropped = Chart::new(Kind::Scatter)
        .x("x", Data::Numbers(vec![0.0, -1.0, 10.0]))
        .y("y", Data::Numbers(vec![1.0; 3]))
        .log_x(true)
        .draw()
        .unwrap();
    assert_eq!((dropped.drawn, dropped.dropped), (1, 2));
}

#[test]
fn sizes_and_styles_have_their_own_legends() {
    let chart = tips(Kind::Scatter, "total_bill", "tip")
        .size_by("size", column(TIPS, "size"))
        .style("sex", column(TIPS, "sex"))
        .color("time", column(TIPS, "time"));
    let svg = chart.to_svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    let legend = document.descendants().find(|n| n.attribute("class") == Some("legend")).unwrap();
    let said: Vec<&str> = legend.descendants().filter(|n| n.has_tag_name("text")).filter_map(|n| n.text()).collect();
    assert_eq!(said, ["time", "Dinner", "Lunch", "size", "2", "4", "6", "sex", "Female", "Male"]);
    let radii: std::collections::BTreeSet<String> = marks(&document, 0)
        .descendants()
        .filter(|n| n.has_tag_name("circle"))
        .map(|n| n.attribute("r").unwrap().to_owned())
        .collect();
    assert_eq!(radii.len(), 6, "a radius for each size");
    assert_eq!(count(&document, "circle") + count(&document, "path"), 244);
}

#[test]
fn a_crowd_is_counted_in_cells_and_keeps_its_outliers() {
    let mut crowd = Crowd::new("x", "y", Some("side".to_owned()));
    for i in 0..400_000u32 {
        let angle = f64::from(i) * 0.618;
        let reach = f64::from(i % 1000) / 1000.0;
        crowd.push(angle.sin() * reach, angle.cos() * reach, Some(if i % 2 == 0 { "even" } else { "odd" }));
    }
    crowd.push(5.0, -4.0, None);
    crowd.push(f64::NAN, 0.0, None);
    let picture = crowd.picture(Theme::Light);
    assert_eq!((picture.drawn(), picture.dropped()), (400_001, 1));
    let svg = picture.svg();
    assert!(svg.len() < 600_000, "{} bytes", svg.len());
    let document = Document::parse(&svg).unwrap();
    let (x, y) = (ticks(&document, 0, "x-axis"), ticks(&document, 0, "y-axis"));
    let far = marks(&document, 0).descendants().filter(|n| n.has_tag_name("circle")).find(|n| {
        (read(&x, attribute(*n, "cx")) - 5.0).abs() < 0.1 && (read(&y, attribute(*n, "cy")) + 4.0).abs() < 0.1
    });
    assert!(far.is_some());
    assert!(["even", "odd", "missing"].iter().all(|name| words(&document).iter().any(|w| w == name)));

    let rows = 120_000;
    let chart = Chart::new(Kind::Scatter)
        .x("x", Data::Numbers((0..rows).map(|i| f64::from(i).sin()).collect()))
        .y("y", Data::Numbers((0..rows).map(|i| f64::from(i).cos()).collect()));
    assert!(chart.to_svg().unwrap().len() < 400_000);
}

#[test]
fn models_are_drawn_from_plain_numbers() {
    let names: Vec<String> = ["a", "b"].map(str::to_owned).to_vec();
    let svg = model::confusion(&names, &[vec![9.0, 1.0], vec![2.0, 8.0]], Theme::Light).unwrap().svg();
    for said in [">9<", ">1<", ">2<", ">8<", "b predicted as a: 2 (20.0 %)", "17 of 20 rows predicted right"] {
        assert!(svg.contains(said), "{said}");
    }
    let wrong = model::confusion(&names, &[vec![1.0]], Theme::Light).unwrap_err();
    assert_eq!(wrong.to_string(), "counts of a confusion matrix: 1 given, 2 needed");

    let svg = model::importance(&names, &[0.25, 0.75], &[], "importance", Theme::Dark).unwrap().svg();
    let document = Document::parse(&svg).unwrap();
    let order: Vec<String> = ticks(&document, 0, "y-axis").into_iter().map(|(_, w)| w).collect();
    assert_eq!(order, ["b", "a"], "the most important on top");

    let curve = Curve { name: "yes".into(), points: vec![(0.0, 0.0), (0.0, 0.8), (1.0, 1.0)], area: 0.9 };
    let svg = model::roc(std::slice::from_ref(&curve), Theme::Light).unwrap().svg();
    assert!(svg.contains("yes (AUC 0.900)"));
    assert!(model::precision_recall(&[curve], Theme::Light).unwrap().svg().contains("yes (AP 0.900)"));

    let scores = |of: [f64; 3]| Scores { mean: of.to_vec(), deviation: vec![0.02; 3] };
    let picture = model::validation_curve(
        "alpha",
        &[0.001, 1.0, 1000.0],
        &scores([1.0, 0.9, 0.8]),
        &scores([0.7, 0.8, 0.6]),
        "accuracy",
        Theme::Light,
    );
    let svg = picture.unwrap().svg();
    assert_eq!(count(&Document::parse(&svg).unwrap(), "circle"), 3, "the other scores are squares");
    assert!(svg.contains(">0.1<") && svg.contains(">10<"), "a wide range is shown by its logarithm");

    let found = Components {
        first: vec![1.0, -1.0, 0.5],
        second: vec![0.2, 0.1, -0.4],
        color: None,
        explained: vec![0.9, 0.1],
        loadings: vec![("height".into(), 0.9, 0.1), ("width".into(), 0.1, 0.9)],
    };
    let svg = model::pca(found, Theme::Light).unwrap().svg();
    for said in ["PC1 (90.0 % of the variance)", ">height<", ">width<", "PC2: 10.00 % of the variance"] {
        assert!(svg.contains(said), "{said}");
    }

    let found = Boundary {
        features: ("x".into(), "y".into()),
        target: "side".into(),
        x: (0.0, 2.0),
        y: (0.0, 1.0),
        side: 2,
        predicted: vec![0.0, 1.0, 0.0, 1.0],
        classes: names,
        rows: vec![(0.5, 0.5, 0.0), (1.5, 0.5, 1.0)],
    };
    let svg = model::boundary(found, Theme::Light).unwrap().svg();
    let document = Document::parse(&svg).unwrap();
    assert_eq!((count(&document, "circle"), count(&document, "path")), (2, 2), "{svg}");
}

#[test]
fn trees_show_their_questions_and_refuse_circles() {
    let leaf = |rows: u32, class| model::Node {
        words: vec![format!("{rows} rows")],
        class: Some(class),
        strength: 1.0,
        ..model::Node::default()
    };
    let root = |children| model::Node {
        question: "x ≤ 2.5".into(),
        words: vec!["30 rows".into()],
        children,
        class: Some(0),
        strength: 0.5,
    };
    let svg = model::tree(&[root(Some((1, 2))), leaf(10, 0), leaf(20, 1)], Theme::Light).unwrap().svg();
    for said in ["x ≤ 2.5", "30 rows", "10 rows", "20 rows", ">yes<", ">no<"] {
        assert!(svg.contains(said), "{said}");
    }
    assert!(model::tree(&[root(Some((0, 1))), leaf(1, 0)], Theme::Light).is_err());
    assert!(model::tree(&[root(Some((1, 9))), leaf(1, 0)], Theme::Light).is_err());
    assert!(model::tree(&[], Theme::Light).is_err());
    // A deep tree is cut where it grows too wide.
    let mut nodes: Vec<model::Node> = (0..255).map(|i| root(Some((2 * i + 1, 2 * i + 2)))).collect();
    nodes.extend((0..256).map(|_| leaf(1, 1)));
    let picture = model::tree(&nodes, Theme::Light).unwrap();
    assert!(
        picture.size().0 < 4000 && picture.summary().contains("the upper 5 levels are shown"),
        "{}",
        picture.summary()
    );
}

#[test]
fn pages_need_nothing_and_allow_their_script_alone() {
    let page = tips(Kind::Scatter, "total_bill", "tip").color("day", column(TIPS, "day")).picture().unwrap().html();
    assert!(page.contains(&format!("script-src {}", script_hash())) && page.contains("default-src 'none'"));
    let script = page.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    assert_eq!(script, SCRIPT, "what is hashed is what is sent");
    assert_eq!(page.matches("http").count(), 3, "the namespace alone, here and in the script, and http-equiv");
    assert!(!page.contains(" src=") && !page.contains("href"));
    for entry in 0..4 {
        assert!(
            page.contains(&format!("data-toggle=\"{entry}\"")) && page.contains(&format!("data-series=\"{entry}\""))
        );
    }
    assert!(page.contains("<title>total_bill 16.99, tip 1.01, Sun</title>"));
    assert!(page.contains("data-x=\"linear "));
}

#[test]
fn terminals_show_marks_axes_and_nothing_that_they_would_obey() {
    let chart = tips(Kind::Scatter, "total_bill", "tip").color("day", column(TIPS, "day")).title("Tips\u{1b}[2J");
    let picture = chart.picture().unwrap();
    for (columns, rows) in [(80, 24), (40, 12), (200, 50), (1, 1)] {
        let text = picture.terminal(columns, rows, Ink::Plain);
        assert!(!text.contains('\u{1b}') && text.lines().all(|line| line.chars().count() <= columns.max(30)));
        assert_eq!(text.lines().count(), rows.max(10));
    }
    let text = picture.terminal(80, 24, Ink::Plain);
    for said in ["Tips", "total_bill", "tip", "│", "└", "day", "o Sun"] {
        assert!(text.contains(said), "{said} in\n{text}");
    }
    let colored = picture.terminal(80, 24, Ink::Color);
    assert!(colored.contains("\u{1b}[0m\u{1b}[38;2;0;114;178m") && !colored.contains("\u{1b}[2J"));
    let wide = Chart::new(Kind::Bar).x("k", Data::text(["日本", "é"])).picture().unwrap().terminal(40, 12, Ink::Plain);
    assert!(wide.contains("日本") && wide.contains('é'), "{wide}");
    let bars = tips(Kind::Bar, "day", "tip").picture().unwrap().terminal(60, 20, Ink::Plain);
    assert!(bars.contains('█') && bars.contains("Thur"), "{bars}");
}

#[test]
fn pixels_have_letters_of_the_built_in_fonts_and_name_what_they_lack() {
    let chart = |name: &str| Chart::new(Kind::Bar).x("k", Data::text([name]));
    let plain = chart("Größe, Ελλάδα, Россия").picture().unwrap();
    assert!(plain.foreign_letters().is_empty(), "{:?}", plain.foreign_letters());
    let far = chart("日本 עברית").picture().unwrap();
    assert!(far.foreign_letters().contains(&'日') && far.foreign_letters().contains(&'ע'));
    let png = plain.png(&Fonts::new(), 0.5).unwrap();
    let pixels = resvg::tiny_skia::Pixmap::decode_png(&png).unwrap();
    assert_eq!((pixels.width(), pixels.height()), (360, 240));
    let huge = plain.sized(10_000, 10_000).png(&Fonts::new(), 10.0).unwrap_err();
    assert!(huge.to_string().contains("more than 100 million"), "{huge}");
    assert!(Fonts::covered(b"no font", &['a']).is_empty());
}

/// Mean brightness of squares of 6 x 6 pixels, channel by channel: what a reader sees, and not how edges are smoothed.
fn squares(png: &[u8]) -> (u32, u32, Vec<f64>) {
    const SIDE: u32 = 6;
    let pixels = resvg::tiny_skia::Pixmap::decode_png(png).unwrap();
    let (width, height) = (pixels.width(), pixels.height());
    let mut means = Vec::new();
    for top in (0..height).step_by(SIDE as usize) {
        for left in (0..width).step_by(SIDE as usize) {
            let mut sums = [0.0; 3];
            let mut count = 0.0;
            for (x, y) in
                (top..(top + SIDE).min(height)).flat_map(|y| (left..(left + SIDE).min(width)).map(move |x| (x, y)))
            {
                let color = pixels.pixel(x, y).unwrap().demultiply();
                for (sum, channel) in sums.iter_mut().zip([color.red(), color.green(), color.blue()]) {
                    *sum += f64::from(channel);
                }
                count += 1.0;
            }
            means.extend(sums.map(|sum| sum / count));
        }
    }
    (width, height, means)
}

/// Every picture looks as the one that was judged good. To accept new looks, run with `TAIPAN_ACCEPT=1` and look at them.
#[test]
fn pictures_look_as_they_were_judged() {
    let on = |kind, x: &str, y: &str| tips(kind, x, y);
    let pictures: Vec<(&str, Picture)> = vec![
        (
            "scatter",
            on(Kind::Scatter, "total_bill", "tip")
                .color("day", column(TIPS, "day"))
                .fit(true)
                .title("Tips")
                .picture()
                .unwrap(),
        ),
        ("line", on(Kind::Line, "size", "total_bill").color("time", column(TIPS, "time")).picture().unwrap()),
        ("bar", on(Kind::Bar, "day", "tip").color("sex", column(TIPS, "sex")).theme(Theme::Dark).picture().unwrap()),
        ("box", on(Kind::Box, "day", "total_bill").color("smoker", column(TIPS, "smoker")).picture().unwrap()),
        ("violin", on(Kind::Violin, "day", "total_bill").theme(Theme::Print).picture().unwrap()),
        ("heatmap", on(Kind::Heatmap, "day", "size").color("tip", column(TIPS, "tip")).picture().unwrap()),
        ("joint", on(Kind::Joint, "total_bill", "tip").picture().unwrap()),
        ("correlation", flowers(Kind::Correlation).picture().unwrap()),
    ];
    let accept = std::env::var_os("TAIPAN_ACCEPT").is_some();
    for (name, picture) in pictures {
        let png = picture.png(&Fonts::new(), 0.6).unwrap();
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/pictures/{name}.png"));
        if accept {
            std::fs::write(&path, &png).unwrap();
        }
        let (width, height, seen) = squares(&png);
        let (wide, high, judged) = squares(&std::fs::read(&path).unwrap());
        assert_eq!((width, height), (wide, high), "{name}");
        let apart = seen.iter().zip(&judged).map(|(a, b)| (a - b).abs());
        let (most, mean) = apart.fold((0.0f64, 0.0), |(most, sum), d| (most.max(d), sum + d / seen.len() as f64));
        assert!(
            most < 40.0 && mean < 0.5,
            "{name} differs from {}: {most:.0} at most, {mean:.2} on average",
            path.display()
        );
    }
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(Kind::ALL.into_iter().filter(|k| !k.is_of_model()).collect::<Vec<_>>())
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), -10.0..10.0, (-5i32..5).prop_map(f64::from), Just(f64::NAN), Just(1e300), Just(1e-310)]
}

fn any_data(rows: usize) -> impl Strategy<Value = Data> {
    prop_oneof![
        prop::collection::vec(any_value(), rows).prop_map(Data::Numbers),
        prop::collection::vec(any_value(), rows).prop_map(Data::Times),
        prop::collection::vec(prop::option::of(".{0,20}"), rows).prop_map(Data::Text),
    ]
}

fn any_chart() -> impl Strategy<Value = Chart> {
    (0usize..25).prop_flat_map(|rows| {
        let numbers = prop::collection::vec(any_value(), rows).prop_map(Data::Numbers);
        let more = prop::collection::vec(prop::option::of(any_data(rows)), 4);
        let flags = (any::<bool>(), any::<bool>(), any::<bool>());
        (any_kind(), any_data(rows), numbers, more, ".{0,30}", (200u32..900, 160u32..600), flags).prop_map(
            |(kind, x, y, more, label, (width, height), (log_x, log_y, fit))| {
                let mut chart =
                    Chart::new(kind).title(label.clone()).size(width, height).fit(fit).log_x(log_x).log_y(log_y);
                if matches!(kind, Kind::Correlation | Kind::Pair) {
                    chart = chart.column(label.clone(), x).column("second", y);
                } else {
                    chart = chart.x(label.clone(), x);
                    if !matches!(kind, Kind::Histogram | Kind::Density) {
                        chart = chart.y(label.clone(), y);
                    }
                }
                let mut more = more.into_iter();
                let mut next = |with: bool| more.next().flatten().filter(|_| with);
                if let Some(data) = next(kind != Kind::Correlation) {
                    chart = chart.color(label.clone(), data);
                }
                if let Some(data) = next(kind == Kind::Scatter) {
                    chart = chart.size_by(label.clone(), data);
                }
                if let Some(data) = next(matches!(kind, Kind::Scatter | Kind::Line)) {
                    chart = chart.style(label.clone(), data);
                }
                if let Some(data) = next(!matches!(kind, Kind::Correlation | Kind::Pair | Kind::Joint)) {
                    chart = chart.facet(label, data);
                }
                chart
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chart_is_drawn_or_refused_in_every_form(chart in any_chart()) {
        let Ok(picture) = chart.picture() else { return Ok(()) };
        let svg = picture.svg();
        prop_assert!(!svg.contains("NaN") || svg.contains("NaN</"), "{}", svg);
        Document::parse(&svg).unwrap();
        Document::parse(&picture.interactive_svg()).unwrap();
        let text = picture.terminal(70, 20, Ink::Color);
        prop_assert_eq!(text.lines().count(), 20);
    }
}
