//! Looks at finished pictures: every mark where the data says, words that name it, XML that any reader accepts.

#![allow(clippy::unwrap_used)] // clippy's leave for tests does not reach the functions they share

use proptest::prelude::*;
use roxmltree::{Document, Node};
use taipan_plot::{Chart, Data, Drawn, ErrorKind, Kind, Theme};

const TIPS: &str = include_str!("../../../examples/demo/tips.csv");

fn column(name: &str) -> Vec<&'static str> {
    let mut lines = TIPS.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let index = header.iter().position(|h| *h == name).unwrap();
    lines.map(|line| line.split(',').nth(index).unwrap()).collect()
}

fn numbers(name: &str) -> Vec<f64> {
    column(name).iter().map(|v| v.parse().unwrap()).collect()
}

fn data(name: &str) -> Data {
    Data::Numbers(numbers(name))
}

fn texts(name: &str) -> Data {
    Data::text(column(name))
}

fn tips(kind: Kind) -> Chart {
    let chart = Chart::new(kind).x("total_bill", data("total_bill"));
    if kind == Kind::Histogram { chart } else { chart.y("tip", data("tip")) }
}

/// A picture read back.
struct Seen {
    drawn: Drawn,
}

impl Seen {
    fn of(chart: &Chart) -> Self {
        Self { drawn: chart.draw().unwrap() }
    }

    fn look<T>(&self, at: impl FnOnce(&Document<'_>) -> T) -> T {
        at(&Document::parse(&self.drawn.svg).unwrap())
    }

    /// Attribute values of every `tag` among the marks.
    fn marks(&self, tag: &str, attributes: &[&str]) -> Vec<Vec<f64>> {
        self.look(|document| {
            let group = document.descendants().find(|n| n.attribute("class") == Some("marks")).unwrap();
            let shapes = group.descendants().filter(|n| n.has_tag_name(tag));
            shapes.map(|n| attributes.iter().map(|a| number(n, a)).collect()).collect()
        })
    }

    fn legend(&self) -> Vec<String> {
        self.look(|document| {
            let legend = document.descendants().find(|n| n.attribute("class") == Some("legend"));
            let words = legend.into_iter().flat_map(|l| l.descendants().filter(|n| n.has_tag_name("text")));
            words.map(|n| n.text().unwrap().to_owned()).collect()
        })
    }

    fn tips(&self) -> Vec<String> {
        self.look(|document| {
            let titles = document.descendants().filter(|n| n.has_tag_name("title"));
            titles.skip(1).map(|n| n.text().unwrap().to_owned()).collect()
        })
    }

    /// Tick labels of an axis with their pixel: the last and first of them fix the scale.
    fn ticks(&self, axis: Axis) -> Vec<(f64, String)> {
        self.look(|document| {
            let class = match axis {
                Axis::X => "x-axis",
                Axis::Y => "y-axis",
            };
            let group = document.descendants().find(|n| n.attribute("class") == Some(class)).unwrap();
            let on = group.descendants().filter(|n| n.has_tag_name("text") && n.attribute("font-size") == Some("12"));
            // A y label's baseline lies below its tick by half the height of a capital.
            let pixel = |n: Node<'_, '_>| match axis {
                Axis::X => number(n, "x"),
                Axis::Y => number(n, "y") - 4.374,
            };
            on.map(|n| (pixel(n), n.text().unwrap().to_owned())).collect()
        })
    }

    /// The data value at a pixel, as a reader would read it off the tick labels.
    fn read(&self, axis: Axis, pixel: f64) -> f64 {
        let ticks: Vec<(f64, f64)> = self
            .ticks(axis)
            .into_iter()
            .map(|(pixel, words)| (pixel, words.replace('−', "-").replace(',', "").parse().unwrap()))
            .collect();
        let (from, to) = (ticks.first().unwrap(), ticks.last().unwrap());
        from.1 + (pixel - from.0) / (to.0 - from.0) * (to.1 - from.1)
    }
}

#[derive(Clone, Copy)]
enum Axis {
    X,
    Y,
}

fn number(node: Node<'_, '_>, attribute: &str) -> f64 {
    node.attribute(attribute).unwrap().parse().unwrap()
}

#[test]
fn every_point_stands_where_the_ticks_say() {
    let seen = Seen::of(&tips(Kind::Scatter));
    assert_eq!((seen.drawn.drawn, seen.drawn.dropped), (244, 0));
    let points = seen.marks("circle", &["cx", "cy"]);
    assert_eq!(points.len(), 244);
    for (point, (bill, tip)) in points.iter().zip(numbers("total_bill").iter().zip(numbers("tip"))) {
        assert!((seen.read(Axis::X, point[0]) - bill).abs() < 0.02, "{point:?} is not at {bill}");
        assert!((seen.read(Axis::Y, point[1]) - tip).abs() < 0.02, "{point:?} is not at {tip}");
    }
}

#[test]
fn axes_have_titles_and_round_ticks() {
    let seen = Seen::of(&tips(Kind::Scatter).title("Tips"));
    let words = |axis| seen.ticks(axis).into_iter().map(|(_, words)| words).collect::<Vec<_>>();
    assert_eq!(words(Axis::X), ["10", "20", "30", "40", "50"]);
    assert_eq!(words(Axis::Y), ["2", "4", "6", "8", "10"]);
    for label in [">Tips</text>", ">total_bill</text>", ">tip</text>"] {
        assert!(seen.drawn.svg.contains(label), "{label}");
    }
}

#[test]
fn legends_name_categories_and_ordered_numbers() {
    let cases = [
        (texts("day"), vec!["c", "Sun", "Sat", "Thur", "Fri"]),
        (data("size"), vec!["c", "1", "2", "3", "4", "5", "6"]),
        (data("total_bill"), vec!["c", "10", "20", "30", "40", "50"]),
    ];
    for (color, expected) in cases {
        assert_eq!(Seen::of(&tips(Kind::Scatter).color("c", color)).legend(), expected);
    }
    let ranges = Seen::of(&tips(Kind::Histogram).color("c", data("total_bill"))).legend();
    assert_eq!(ranges, ["c", "0 – 10", "10 – 20", "20 – 30", "30 – 40", "40 – 50", "50 – 60"]);
    assert!(Seen::of(&tips(Kind::Scatter)).legend().is_empty());
}

#[test]
fn rows_without_colour_are_drawn_and_named() {
    let mut size = numbers("size");
    size[3] = f64::NAN;
    let mut days: Vec<Option<String>> = column("day").into_iter().map(|d| Some(d.to_owned())).collect();
    days[7] = None;
    let mut bill = numbers("total_bill");
    bill[9] = f64::INFINITY;
    for color in [Data::Numbers(size), Data::Text(days), Data::Numbers(bill)] {
        let seen = Seen::of(&tips(Kind::Scatter).color("c", color));
        assert_eq!(seen.marks("circle", &["cx"]).len(), 244);
        assert_eq!(seen.legend().last().unwrap(), "missing");
    }
}

#[test]
fn a_thousand_categories_share_a_short_legend() {
    let names = || Data::text((0..1000).map(|i| format!("station {i}")));
    let values = || Data::Numbers((0..1000).map(f64::from).collect());
    for kind in [Kind::Scatter, Kind::Line, Kind::Histogram, Kind::Bar] {
        let chart =
            Chart::new(kind).x("x", if kind == Kind::Bar { names() } else { values() }).color("station", names());
        let seen = Seen::of(&if kind == Kind::Histogram { chart } else { chart.y("y", values()) });
        let legend = seen.legend();
        assert_eq!(legend.len(), 14, "{kind}: {legend:?}");
        assert_eq!(legend[13], "… and 988 more");
        assert_eq!(seen.drawn.drawn, 1000);
    }
}

#[test]
fn bars_are_as_high_as_the_mean() {
    let seen = Seen::of(&Chart::new(Kind::Bar).x("day", texts("day")).y("tip", data("tip")));
    let mut expected = Vec::new();
    for day in ["Sun", "Sat", "Thur", "Fri"] {
        let tips: Vec<f64> =
            column("day").iter().zip(numbers("tip")).filter(|(d, _)| **d == day).map(|(_, t)| t).collect();
        expected.push((day, tips.iter().sum::<f64>() / tips.len() as f64));
    }
    let bars = seen.marks("rect", &["y", "height"]);
    assert_eq!(bars.len(), 4);
    for (bar, (day, mean)) in bars.iter().zip(&expected) {
        assert!((seen.read(Axis::Y, bar[0]) - mean).abs() < 0.01, "{day}");
        assert!(seen.read(Axis::Y, bar[0] + bar[1]).abs() < 0.01, "{day} does not stand on zero");
    }
    assert_eq!(seen.tips()[0], "Sun: mean of tip 3.25513 ± 0.282182 (76 rows)");
    let names: Vec<String> = seen.ticks(Axis::X).into_iter().map(|(_, words)| words).collect();
    assert_eq!(names, ["Sun", "Sat", "Thur", "Fri"]);
}

#[test]
fn bars_without_y_count_and_with_colour_stand_side_by_side() {
    let seen = Seen::of(&Chart::new(Kind::Bar).x("day", texts("day")).color("sex", texts("sex")));
    assert_eq!(
        seen.tips(),
        [
            "Sun, Female: count 18",
            "Sun, Male: count 58",
            "Sat, Female: count 28",
            "Sat, Male: count 59",
            "Thur, Female: count 32",
            "Thur, Male: count 30",
            "Fri, Female: count 9",
            "Fri, Male: count 10"
        ]
    );
    let bars = seen.marks("rect", &["x", "width"]);
    for pair in bars.windows(2) {
        assert!(pair[0][0] + pair[0][1] <= pair[1][0] + 0.02, "{pair:?} overlap");
    }
    let same = Seen::of(&Chart::new(Kind::Bar).x("day", texts("day")).color("day", texts("day")));
    assert_eq!((same.marks("rect", &["x"]).len(), same.legend().len()), (4, 0));
}

#[test]
fn negative_bars_hang_from_zero() {
    let seen =
        Seen::of(&Chart::new(Kind::Bar).x("m", Data::text(["a", "b"])).y("profit", Data::Numbers(vec![-2.0, 3.0])));
    let bars = seen.marks("rect", &["y", "height"]);
    assert!(seen.read(Axis::Y, bars[0][0]).abs() < 0.01);
    assert!((seen.read(Axis::Y, bars[0][0] + bars[0][1]) + 2.0).abs() < 0.01);
    assert!((seen.read(Axis::Y, bars[1][0]) - 3.0).abs() < 0.01);
}

#[test]
fn a_histogram_counts_every_row_once() {
    let plain = Seen::of(&tips(Kind::Histogram));
    let stacked = Seen::of(&tips(Kind::Histogram).color("time", texts("time")));
    for seen in [&plain, &stacked] {
        let tops: f64 = seen
            .marks("rect", &["y", "height"])
            .iter()
            .map(|r| seen.read(Axis::Y, r[0]) - seen.read(Axis::Y, r[0] + r[1]))
            .sum();
        assert!((tops - 244.0).abs() < 0.5, "{tops}");
        let told: u32 = seen.tips().iter().map(|t| t.rsplit(' ').next().unwrap().parse::<u32>().unwrap()).sum();
        assert_eq!(told, 244);
    }
    assert_eq!(stacked.legend(), ["time", "Dinner", "Lunch"]);
}

#[test]
fn a_line_follows_the_mean_at_each_x() {
    let chart = Chart::new(Kind::Line)
        .x("x", Data::Numbers(vec![3.0, 1.0, 2.0, 2.0]))
        .y("y", Data::Numbers(vec![30.0, 10.0, 10.0, 30.0]));
    let seen = Seen::of(&chart);
    let path = seen.look(|document| {
        document.descendants().find(|n| n.has_tag_name("path")).unwrap().attribute("d").unwrap().to_owned()
    });
    let points: Vec<(f64, f64)> = path
        .split(['M', 'L'])
        .filter_map(|p| p.trim().split_once(' '))
        .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
        .collect();
    let expected = [(1.0, 10.0), (2.0, 20.0), (3.0, 30.0)];
    assert_eq!(points.len(), expected.len());
    for (point, (x, y)) in points.iter().zip(expected) {
        assert!((seen.read(Axis::X, point.0) - x).abs() < 0.01 && (seen.read(Axis::Y, point.1) - y).abs() < 0.1);
    }
    assert!(seen.drawn.svg.contains(">mean of y</text>"));
}

#[test]
fn rows_without_a_place_are_left_out_and_counted() {
    let x = vec![1.0, f64::NAN, 3.0, f64::INFINITY, 5.0, 6.0];
    let y = vec![1.0, 2.0, f64::NEG_INFINITY, 4.0, 1e301, 6.0];
    for kind in [Kind::Scatter, Kind::Line] {
        let drawn = Chart::new(kind).x("x", Data::Numbers(x.clone())).y("y", Data::Numbers(y.clone())).draw().unwrap();
        assert_eq!((drawn.drawn, drawn.dropped), (2, 4));
        assert!(drawn.svg.contains("4 rows left out for want of a value"));
    }
    let bar = Chart::new(Kind::Bar).x("k", Data::Text(vec![Some("a".into()), None])).draw().unwrap();
    assert_eq!((bar.drawn, bar.dropped), (1, 1));
}

#[test]
fn nothing_to_draw_says_so() {
    let nothing =
        [Data::Numbers(vec![]), Data::Text(vec![]), Data::Numbers(vec![f64::NAN; 3]), Data::Text(vec![None; 2])];
    for kind in [Kind::Scatter, Kind::Line, Kind::Bar, Kind::Histogram] {
        for data in &nothing {
            let chart = Chart::new(kind).x("x", data.clone()).color("c", data.clone());
            let chart = if kind == Kind::Histogram { chart } else { chart.y("y", data.clone()) };
            let seen = Seen::of(&chart);
            assert_eq!((seen.drawn.drawn, seen.drawn.dropped), (0, data.len()));
            let svg = &seen.drawn.svg;
            assert!(svg.contains(">no data</text>") && svg.contains(">x</text>") && svg.contains("<line "), "{svg}");
            assert!(seen.ticks(Axis::Y).is_empty() && seen.legend().is_empty());
        }
    }
}

#[test]
fn hostile_words_stay_words() {
    let hostile = "<script>alert(1)</script> & \"q\" 'a' $x^2$ \u{0}\u{7}\u{b}\u{fffe} ]]> \u{202e}عربي 日本 🙂";
    for kind in [Kind::Scatter, Kind::Line, Kind::Bar, Kind::Histogram] {
        let x = if kind == Kind::Bar { Data::text([hostile, "b"]) } else { Data::Numbers(vec![1.0, 2.0]) };
        let chart = Chart::new(kind).title(hostile).x(hostile, x).color(hostile, Data::text([hostile, "b"]));
        let chart = if kind == Kind::Histogram { chart } else { chart.y(hostile, Data::Numbers(vec![1.0, 2.0])) };
        let seen = Seen::of(&chart);
        seen.look(|document| {
            assert!(!document.descendants().any(|n| n.has_tag_name("script")));
            let title = document.root_element().children().find(|n| n.has_tag_name("title")).unwrap();
            assert!(title.text().unwrap().starts_with("<script>alert(1)</script> & \"q\" 'a' $x^2$"));
        });
        assert!(!seen.drawn.svg.contains('\u{0}'));
    }
}

#[test]
fn readers_who_cannot_see_are_told() {
    let seen = Seen::of(&tips(Kind::Scatter).color("day", texts("day")));
    seen.look(|document| {
        let root = document.root_element();
        assert_eq!(root.attribute("role"), Some("img"));
        assert_eq!(root.attribute("viewBox"), Some("0 0 720 480"));
        let told = |tag| root.children().find(|n| n.has_tag_name(tag)).unwrap().text().unwrap().to_owned();
        assert_eq!(told("title"), "tip by total_bill");
        assert_eq!(
            told("desc"),
            "Scatter plot of tip against total_bill, coloured by day. 244 rows; total_bill from 3.07 to 50.81; tip from 1 to 10."
        );
        assert_eq!(root.attribute("aria-label").unwrap(), format!("{}. {}", told("title"), told("desc")));
    });
}

#[test]
fn pictures_need_nothing_and_repeat_themselves() {
    for theme in [Theme::Light, Theme::Dark] {
        let chart = tips(Kind::Scatter).color("day", texts("day")).theme(theme);
        let svg = chart.to_svg().unwrap();
        assert_eq!(svg, chart.to_svg().unwrap());
        for word in ["style", "<script", "@font-face", "url(", "href", " id="] {
            assert!(!svg.contains(word), "{word}");
        }
        assert_eq!(svg.matches("http").count(), 1, "only the namespace");
    }
    assert_ne!(tips(Kind::Line).to_svg().unwrap(), tips(Kind::Line).theme(Theme::Dark).to_svg().unwrap());
}

#[test]
fn mistakes_are_named() {
    let day = || Data::Text(column("day").iter().enumerate().map(|(i, d)| (i > 1).then(|| (*d).to_owned())).collect());
    let cases = [
        (Chart::new(Kind::Scatter), "a scatter plot needs x"),
        (Chart::new(Kind::Line).x("a", data("tip")), "a line plot needs y"),
        (
            Chart::new(Kind::Histogram).x("a", data("tip")).y("b", data("tip")),
            "a histogram plot has no use for y (\"b\")",
        ),
        (
            tips(Kind::Scatter).y("tip", Data::Numbers(vec![1.0; 243])),
            "\"tip\" has 243 values but \"total_bill\" has 244",
        ),
        (tips(Kind::Bar).color("day", Data::text(["Sun"])), "\"day\" has 1 value but \"total_bill\" has 244"),
        (
            tips(Kind::Scatter).x("day", day()),
            "\"day\" holds text (\"Sun\" in row 3); x of a scatter plot must be numbers",
        ),
        (tips(Kind::Line).y("day", day()), "\"day\" holds text (\"Sun\" in row 3); y of a line plot must be numbers"),
        (
            Chart::new(Kind::Histogram).x("day", texts("day")),
            "\"day\" holds text (\"Sun\" in row 1); x of a histogram plot must be numbers",
        ),
        (
            tips(Kind::Scatter).size(10, 480),
            "a plot of 10 x 480 pixels cannot be drawn: width must be 200 to 10000, height 160 to 10000",
        ),
    ];
    for (chart, message) in cases {
        assert_eq!(chart.draw().unwrap_err().to_string(), message);
    }
    let error = tips(Kind::Scatter).x("day", day()).draw().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TextForNumbers { row: 3, field: "x", .. }));
}

#[test]
fn the_smallest_picture_still_has_a_plot() {
    // Long turned names and a title once left the plot less than no height.
    let names = || Data::text(["a name that is long", "another name that is long", "a third such name"]);
    let chart = Chart::new(Kind::Bar).title("a title that is long ".repeat(9)).x("x", names()).color("c", names());
    let seen = Seen::of(&chart.y("y", Data::Numbers(vec![1.0, 2.0, 3.0])).size(200, 160));
    for bar in seen.marks("rect", &["x", "y", "width", "height"]) {
        assert!(bar[0] > 0.0 && bar[1] > 0.0 && bar[2] > 2.0 && bar[3] > 2.0, "{bar:?}");
    }
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Scatter, Kind::Line, Kind::Bar, Kind::Histogram])
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), -10.0..10.0, (-5i32..5).prop_map(f64::from), Just(f64::NAN), Just(1e300), Just(1e-310)]
}

fn any_data(rows: usize) -> impl Strategy<Value = Data> {
    prop_oneof![
        prop::collection::vec(any_value(), rows).prop_map(Data::Numbers),
        prop::collection::vec(prop::option::of(".{0,40}"), rows).prop_map(Data::Text),
    ]
}

fn any_chart() -> impl Strategy<Value = (usize, Chart)> {
    (0usize..30).prop_flat_map(|rows| {
        let numbers = prop::collection::vec(any_value(), rows).prop_map(Data::Numbers);
        let sizes = (200u32..900, 160u32..600);
        (any_kind(), any_data(rows), numbers, prop::option::of(any_data(rows)), ".{0,60}", sizes).prop_map(
            move |(kind, x, y, color, label, (width, height))| {
                let mut chart = Chart::new(kind).x(label.clone(), x).title(label.clone()).size(width, height);
                if kind != Kind::Histogram {
                    chart = chart.y(label.clone(), y);
                }
                if let Some(color) = color {
                    chart = chart.color(label, color);
                }
                (rows, chart)
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chart_is_drawn_within_its_frame_or_refused((rows, chart) in any_chart()) {
        let Ok(drawn) = chart.draw() else { return Ok(()) };
        prop_assert_eq!(drawn.drawn + drawn.dropped, rows);
        let document = Document::parse(&drawn.svg).unwrap();
        let (width, height) = (number(document.root_element(), "width"), number(document.root_element(), "height"));
        for node in document.descendants().filter(|n| n.ancestors().any(|a| a.attribute("class") == Some("marks"))) {
            for (name, limit) in [("cx", width), ("cy", height), ("x", width), ("y", height)] {
                if node.has_attribute(name) {
                    let at = number(node, name);
                    prop_assert!((0.0..=limit).contains(&at), "{} {} of {}", name, at, limit);
                }
            }
        }
    }
}
