//! Fetches pages side by side and shows how each begins.

use std::io::Read;

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let urls = arguments(&["https://example.com", "https://example.org", "https://example.net"]);
    let fetcher = Fetcher::new(FetchOptions::default().keep(Keep::Body))?;
    let pages: Vec<Fetched> = fetcher.fetch(urls).inspect(|page| println!("Fetching {}", page.url)).collect();
    for mut page in pages {
        let mut html = String::new();
        if let Some(body) = &mut page.body {
            body.read_to_string(&mut html)?;
        }
        println!("\nHTML content from {}:\n{html:.200}...", page.url);
    }
    Ok(())
}
