//! Draws a page of charts of a CSV file, to be looked at: `cargo run -p taipan-plot --example gallery -- FOLDER`.

use std::fs;
use std::path::Path;

use taipan_plot::{Chart, Data, Kind, Theme};

const TIPS: &str = include_str!("../../../examples/demo/tips.csv");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: gallery FOLDER")?;
    fs::create_dir_all(&folder)?;
    for (name, chart) in charts() {
        for (theme, suffix) in [(Theme::Light, ""), (Theme::Dark, "-dark")] {
            let drawn = chart.clone().theme(theme).draw()?;
            fs::write(Path::new(&folder).join(format!("{name}{suffix}.svg")), drawn.svg)?;
        }
    }
    Ok(())
}

fn charts() -> Vec<(&'static str, Chart)> {
    let chart = Chart::new;
    let bill = || column("total_bill");
    vec![
        (
            "scatter",
            chart(Kind::Scatter)
                .title("Tips")
                .x("total_bill", bill())
                .y("tip", column("tip"))
                .color("day", column("day")),
        ),
        ("scatter-plain", chart(Kind::Scatter).x("total_bill", bill()).y("tip", column("tip"))),
        (
            "scatter-size",
            chart(Kind::Scatter).x("total_bill", bill()).y("tip", column("tip")).color("size", column("size")),
        ),
        (
            "scatter-scale",
            chart(Kind::Scatter)
                .title("Tip by bill")
                .x("total_bill", bill())
                .y("tip", column("tip"))
                .color("total_bill", bill()),
        ),
        (
            "line",
            chart(Kind::Line)
                .title("Bill by party")
                .x("size", column("size"))
                .y("total_bill", bill())
                .color("time", column("time")),
        ),
        ("line-days", chart(Kind::Line).x("day", column("day")).y("tip", column("tip")).color("sex", column("sex"))),
        (
            "bar",
            chart(Kind::Bar)
                .title("Mean tip by day")
                .x("day", column("day"))
                .y("tip", column("tip"))
                .color("sex", column("sex")),
        ),
        ("bar-count", chart(Kind::Bar).x("size", column("size"))),
        ("bar-same", chart(Kind::Bar).x("day", column("day")).y("total_bill", bill()).color("day", column("day"))),
        ("histogram", chart(Kind::Histogram).title("Bills").x("total_bill", bill())),
        ("histogram-time", chart(Kind::Histogram).x("total_bill", bill()).color("time", column("time"))),
        ("histogram-size", chart(Kind::Histogram).x("size", column("size"))),
        ("histogram-ranges", chart(Kind::Histogram).x("tip", column("tip")).color("total_bill", bill())),
        (
            "empty",
            chart(Kind::Scatter)
                .title("Nothing yet")
                .x("total_bill", Data::Numbers(vec![]))
                .y("tip", Data::Numbers(vec![])),
        ),
        ("thousand", thousand(Kind::Scatter)),
        ("thousand-bars", thousand(Kind::Bar)),
        ("twelve-lines", waves()),
        ("long", long()),
        ("dense", dense()),
        (
            "small",
            chart(Kind::Scatter)
                .size(320, 240)
                .title("Tips")
                .x("total_bill", bill())
                .y("tip", column("tip"))
                .color("day", column("day")),
        ),
        (
            "negative",
            chart(Kind::Bar)
                .x("month", Data::text(["Jan", "Feb", "Mar", "Apr"]))
                .y("profit", Data::Numbers(vec![-1200.0, 300.0, 2500.0, -50.0])),
        ),
    ]
}

fn column(name: &str) -> Data {
    let mut lines = TIPS.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let index = lines.next().and_then(|header| header.iter().position(|h| *h == name)).unwrap_or(0);
    let cells: Vec<&str> = lines.filter_map(|line| line.get(index).copied()).collect();
    match cells.iter().map(|cell| cell.parse().ok()).collect() {
        Some(numbers) => Data::Numbers(numbers),
        None => Data::text(cells),
    }
}

fn thousand(kind: Kind) -> Chart {
    let at = |i: u32| f64::from(i);
    let names =
        (0..3000).map(|i| format!("station {}", (i * i) % 1000 + if i < 1500 { i % 9 } else { i })).collect::<Vec<_>>();
    let x = (0..3000).map(|i| (at(i) * 0.7).sin() * 40.0 + at(i % 77)).collect();
    let y = (0..3000).map(|i| (at(i) * 0.3).cos() * 2000.0 + at(i)).collect();
    let chart = Chart::new(kind).y("height (m)", Data::Numbers(y));
    match kind {
        Kind::Bar => chart.x("station", Data::text((0..3000).map(|i| format!("station {}", i % 1000)))),
        _ => chart.x("distance", Data::Numbers(x)).color("station", Data::text(names)),
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

fn dense() -> Chart {
    let mut state = 7u64;
    let mut noise = move || {
        let mut sum = 0.0;
        for _ in 0..6 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            sum += (state >> 33) as f64 / f64::from(u32::MAX) * 2.0 - 0.5;
        }
        sum
    };
    let x: Vec<f64> = (0..100_000).map(|_| noise()).collect();
    let y = x.iter().map(|x| x * 0.6 + noise()).collect();
    Chart::new(Kind::Scatter).x("x", Data::Numbers(x)).y("y", Data::Numbers(y))
}
