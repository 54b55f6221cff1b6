use std::io::{BufRead, BufReader, BufWriter, Write};
use taipan_io::fetch::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let n: usize = a[2].parse().unwrap();
    let f = Fetcher::new(FetchOptions::default().concurrency(n).per_host(n).keep(Keep::Body)).unwrap();
    let urls = BufReader::new(std::fs::File::open(&a[1]).unwrap()).lines().map(|l| l.unwrap());
    let mut w = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let mut bad = 0;
    for mut x in f.fetch(urls) {
        if x.failure.is_some() {
            bad += 1;
        }
        x.write_json(&mut w).unwrap();
    }
    w.flush().unwrap();
    eprintln!("{bad} bad");
}
