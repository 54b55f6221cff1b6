//! Draws one picture of every kind from the examples' data: `cargo run -p taipan-plot --example gallery -- FOLDER`.
//!
//! With `--all` also what is likely to go wrong, and every theme; each also as PNG and as text.

use std::fs;
use std::path::Path;

use taipan_plot::{Chart, Data, Fonts, Ink, Kind, Theme};

const TIPS: &str = include_str!("../../../examples/demo/tips.csv");
const IRIS: &str = include_str!("../../../examples/demo/iris.csv");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: gallery FOLDER")?;
    let all = std::env::args().any(|a| a == "--all");
    fs::create_dir_all(&folder)?;
    for (name, chart) in charts().into_iter().chain(if all { odd() } else { Vec::new() }) {
        for (theme, suffix) in [(Theme::Light, ""), (Theme::Dark, "-dark"), (Theme::Print, "-print")] {
            if theme == Theme::Light || all {
                let picture = chart.clone().theme(theme).picture()?;
                let file = |end: &str| Path::new(&folder).join(format!("{name}{suffix}.{end}"));
                fs::write(file("svg"), picture.svg())?;
                if all && theme == Theme::Light {
                    fs::write(file("png"), picture.png(&Fonts::new(), 1.0)?)?;
                    fs::write(file("html"), picture.html())?;
                    fs::write(file("txt"), picture.terminal(100, 30, Ink::Color))?;
                    fs::write(file("plain.txt"), picture.terminal(100, 30, Ink::Plain))?;
                }
            }
        }
    }
    Ok(())
}

fn charts() -> Vec<(&'static str, Chart)> {
    let tips = |kind| Chart::new(kind);
    let on = |kind, x: &str, y: &str| tips(kind).x(x, column(TIPS, x)).y(y, column(TIPS, y));
    let iris = ["sepal_length", "sepal_width", "petal_length", "petal_width"];
    let flowers = |kind| iris.iter().fold(Chart::new(kind), |chart, name| chart.column(*name, column(IRIS, name)));
    vec![
        ("scatter", on(Kind::Scatter, "total_bill", "tip").color("day", column(TIPS, "day")).title("Tips")),
        ("scatter-fit", on(Kind::Scatter, "total_bill", "tip").color("smoker", column(TIPS, "smoker")).fit(true)),
        (
            "scatter-size-style",
            on(Kind::Scatter, "total_bill", "tip")
                .color("time", column(TIPS, "time"))
                .size_by("size", column(TIPS, "size"))
                .style("sex", column(TIPS, "sex")),
        ),
        ("line", on(Kind::Line, "size", "total_bill").color("time", column(TIPS, "time"))),
        ("line-dates", prices()),
        ("bar", on(Kind::Bar, "day", "tip").color("sex", column(TIPS, "sex"))),
        (
            "histogram",
            tips(Kind::Histogram).x("total_bill", column(TIPS, "total_bill")).color("time", column(TIPS, "time")),
        ),
        ("density", tips(Kind::Density).x("total_bill", column(TIPS, "total_bill")).color("day", column(TIPS, "day"))),
        ("box", on(Kind::Box, "day", "total_bill").color("smoker", column(TIPS, "smoker"))),
        ("violin", on(Kind::Violin, "day", "total_bill").color("sex", column(TIPS, "sex"))),
        ("strip", on(Kind::Strip, "day", "total_bill").color("day", column(TIPS, "day"))),
        ("heatmap", on(Kind::Heatmap, "day", "size").color("total_bill", column(TIPS, "total_bill"))),
        ("correlation", flowers(Kind::Correlation)),
        ("pair", flowers(Kind::Pair).color("species", column(IRIS, "species"))),
        ("joint", on(Kind::Joint, "total_bill", "tip").color("time", column(TIPS, "time"))),
        (
            "facet",
            on(Kind::Scatter, "total_bill", "tip")
                .color("smoker", column(TIPS, "smoker"))
                .facet("day", column(TIPS, "day")),
        ),
        ("residuals", on(Kind::Residuals, "total_bill", "tip")),
        ("crowd", dense()),
    ]
}

/// What is likely to go wrong.
fn odd() -> Vec<(&'static str, Chart)> {
    let chart = Chart::new;
    let bill = || column(TIPS, "total_bill");
    let tip = || column(TIPS, "tip");
    vec![
        (
            "scatter-scale",
            chart(Kind::Scatter)
                .title("Tip by bill")
                .x("total_bill", bill())
                .y("tip", tip())
                .color("total_bill", bill()),
        ),
        ("bar-count", chart(Kind::Bar).x("size", column(TIPS, "size"))),
        ("box-plain", chart(Kind::Box).y("total_bill", bill())),
        ("violin-plain", chart(Kind::Violin).x("day", column(TIPS, "day")).y("total_bill", bill())),
        ("histogram-size", chart(Kind::Histogram).x("size", column(TIPS, "size"))),
        ("histogram-log", chart(Kind::Histogram).x("total_bill", bill()).log_x(true)),
        (
            "histogram-facet",
            chart(Kind::Histogram)
                .x("total_bill", bill())
                .facet("day", column(TIPS, "day"))
                .color("sex", column(TIPS, "sex")),
        ),
        (
            "empty",
            chart(Kind::Scatter)
                .title("Nothing yet")
                .x("total_bill", Data::Numbers(vec![]))
                .y("tip", Data::Numbers(vec![])),
        ),
        ("thousand", thousand(Kind::Scatter)),
        ("thousand-bars", thousand(Kind::Bar)),
        ("thousand-box", thousand(Kind::Box)),
        ("waves", waves()),
        ("long", long()),
        ("crowd-groups", crowd_groups()),
        ("log", logs()),
        (
            "small",
            chart(Kind::Scatter)
                .size(320, 240)
                .title("Tips")
                .x("total_bill", bill())
                .y("tip", tip())
                .color("day", column(TIPS, "day")),
        ),
        (
            "negative",
            chart(Kind::Bar)
                .x("month", Data::text(["Jan", "Feb", "Mar", "Apr"]))
                .y("profit", Data::Numbers(vec![-1200.0, 300.0, 2500.0, -50.0])),
        ),
    ]
}

fn column(text: &str, name: &str) -> Data {
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let index = lines.next().and_then(|header| header.iter().position(|h| *h == name)).unwrap_or(0);
    let cells: Vec<&str> = lines.filter_map(|line| line.get(index).copied()).collect();
    match cells.iter().map(|cell| cell.parse().ok()).collect() {
        Some(numbers) => Data::Numbers(numbers),
        None => Data::text(cells),
    }
}

/// Two made-up prices over two years.
fn prices() -> Chart {
    let mut noise = noise(11);
    let (mut times, mut values, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for name in ["north", "south"] {
        let mut price = 100.0;
        for day in 0..730 {
            price *= 1.0 + 0.03 * (noise() - 0.495);
            times.push(1_672_531_200.0 + f64::from(day) * 86_400.0);
            values.push(price);
            names.push(name);
        }
    }
    Chart::new(Kind::Line)
        .x("date", Data::Times(times))
        .y("price", Data::Numbers(values))
        .color("market", Data::text(names))
}

fn thousand(kind: Kind) -> Chart {
    let at = |i: u32| f64::from(i);
    let names =
        (0..3000).map(|i| format!("station {}", (i * i) % 1000 + if i < 1500 { i % 9 } else { i })).collect::<Vec<_>>();
    let x = (0..3000).map(|i| (at(i) * 0.7).sin() * 40.0 + at(i % 77)).collect();
    let y = (0..3000).map(|i| (at(i) * 0.3).cos() * 2000.0 + at(i)).collect();
    let chart = Chart::new(kind).y("height (m)", Data::Numbers(y));
    match kind {
        Kind::Scatter => chart.x("distance", Data::Numbers(x)).color("station", Data::text(names)),
        _ => chart.x("station", Data::text((0..3000).map(|i| format!("station {}", i % 1000)))),
    }
}

fn waves() -> Chart {
    let rows = || (0..12u32).flat_map(|g| (0..60u32).map(move |i| (f64::from(i) / 6.0, g)));
    Chart::new(Kind::Line)
        .title("Twelve waves")
        .x("seconds", Data::Numbers(rows().map(|(x, _)| x).collect()))
        .y(
            "amplitude",
            Data::Numbers(rows().map(|(x, g)| (x + f64::from(g) / 3.0).sin() + f64::from(g) * 0.4).collect()),
        )
        .color("wave", Data::text(rows().map(|(_, g)| format!("wave {g}"))))
}

fn long() -> Chart {
    let names = [
        "Department of Agriculture, Forestry and Fisheries (north)",
        "Department of Agriculture, Forestry and Fisheries (south)",
        "日本語のラベルもとても長いことがあります",
        "المملكة العربية السعودية",
        "<script>alert(1)</script> & \"quotes\" $x$ 'n' \u{7}\u{0}",
        "🙂🙃 emoji",
        "short",
    ];
    Chart::new(Kind::Bar)
        .title("A title which is so long that it cannot possibly stand above the plot in a single line without being shortened somewhere")
        .x("a column name with $dollars$ & <angles>", Data::text(names))
        .y("an axis title of remarkable length which would run far beyond the height of the picture", Data::Numbers((1..8).map(|i| f64::from(i) * 150_000.0).collect()))
        .color("who", Data::text(names))
}

/// Sums of random numbers, spread about 1.5.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        let mut sum = 0.0;
        for _ in 0..6 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            sum += (state >> 33) as f64 / f64::from(u32::MAX) * 2.0 - 0.25;
        }
        sum / 3.0
    }
}

fn dense() -> Chart {
    let mut noise = noise(7);
    let mut x: Vec<f64> = (0..300_000).map(|_| noise()).collect();
    let mut y: Vec<f64> = x.iter().map(|x| x * 0.6 + noise()).collect();
    x.extend([0.3, 2.7]);
    y.extend([2.9, 0.9]);
    Chart::new(Kind::Scatter).x("x", Data::Numbers(x)).y("y", Data::Numbers(y))
}

fn crowd_groups() -> Chart {
    let mut noise = noise(7);
    let names: Vec<String> = (0..200_000).map(|i| format!("set {}", i % 3)).collect();
    let x: Vec<f64> = (0..200_000).map(|i| noise() + f64::from(i % 3)).collect();
    let y = (0..200_000).map(|i| noise() * (1.0 + f64::from(i % 3))).collect();
    Chart::new(Kind::Scatter).x("x", Data::Numbers(x)).y("y", Data::Numbers(y)).color("set", Data::text(names))
}

fn logs() -> Chart {
    let mut noise = noise(3);
    let x: Vec<f64> = (0..800).map(|_| 10f64.powf(noise() * 4.0 - 4.0)).collect();
    let y = x.iter().map(|x| x.powf(0.7) * 10f64.powf(noise() - 1.5)).collect();
    Chart::new(Kind::Scatter)
        .x("mass (kg)", Data::Numbers(x))
        .y("rate (W)", Data::Numbers(y))
        .log_x(true)
        .log_y(true)
        .fit(true)
}
