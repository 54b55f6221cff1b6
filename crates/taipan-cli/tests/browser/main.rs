//! A real browser uses the admin site of the real binary: set-up, login, lists, filters, editing and its conflicts, the SQL
//! console, the keyboard alone, the dark theme, and axe-core on every page.
//!
//! `cargo xtask test` starts the driver and names it in `TAIPAN_WEBDRIVER`; without it each test says that it was
//! skipped.
#![allow(clippy::unwrap_used)]

mod accessibility;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use support::{Server, Workplace};
use tempfile::TempDir;

const PASSWORD: &str = "a long password";

/// A browser of its own beside a server of its own.
struct Site {
    browser: Client,
    server: Server,
    place: Workplace,
    _profile: TempDir,
}

/// Serves the demo and opens a browser; none, said so, where there is no driver.
async fn site(window: &str) -> Option<Site> {
    let Ok(driver) = std::env::var("TAIPAN_WEBDRIVER") else {
        eprintln!("skipped: TAIPAN_WEBDRIVER is not set; 'cargo xtask test' sets it");
        return None;
    };
    let place = Workplace::new();
    let server = place.serve(&["."]);
    let profile = tempfile::tempdir().unwrap();
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ];
    let mut arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    arguments.push(format!("--window-size={window}"));
    arguments.push(format!("--user-data-dir={}", profile.path().display()));
    let capabilities = json!({ "goog:chromeOptions": { "args": arguments } });
    let browser = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
        .capabilities(capabilities.as_object().unwrap().clone())
        .connect(&driver)
        .await
        .unwrap();
    Some(Site { browser, server, place, _profile: profile })
}

/// Runs a visit, and closes the browser however it ends.
macro_rules! visit {
    ($window:expr, $visit:expr) => {{
        let Some(site) = site($window).await else { return };
        let browser = site.browser.clone();
        let result = tokio::spawn(async move { $visit(site).await }).await;
        browser.close().await.unwrap();
        result.unwrap();
    }};
}

impl Site {
    async fn go(&self, path: &str) {
        self.browser.goto(&format!("{}{path}", self.server.address)).await.unwrap();
    }

    async fn path(&self) -> String {
        let url = self.browser.current_url().await.unwrap();
        format!("{}{}", url.path(), url.query().map(|query| format!("?{query}")).unwrap_or_default())
    }

    async fn find(&self, css: &str) -> Element {
        let wait = self.browser.wait().at_most(Duration::from_mins(1));
        wait.for_element(Locator::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    async fn text(&self, css: &str) -> String {
        self.find(css).await.text().await.unwrap()
    }

    async fn click(&self, css: &str) {
        self.find(css).await.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Types into a field in place of what it holds.
    async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Presses keys wherever the focus is.
    async fn press(&self, keys: &str) {
        self.browser.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    async fn run(&self, script: &str) -> Value {
        self.browser.execute(script, vec![]).await.unwrap()
    }

    /// Waits until a script's expression is true.
    async fn until(&self, expression: &str) {
        for _ in 0..600 {
            // While a page is left there is nothing to ask.
            let told = self.browser.execute(&format!("return Boolean({expression});"), vec![]).await;
            if matches!(told, Ok(Value::Bool(true))) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("not in time: {expression}\n{}", self.text("body").await);
    }

    /// Makes the administrator by the link that the server printed.
    async fn set_up(&self) {
        let line = self.server.said.iter().find(|line| line.contains("/setup?token=")).expect("a link");
        let link = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
        self.browser.goto(link).await.unwrap();
        self.fill("[name=name]", "root").await;
        self.fill("[name=password]", PASSWORD).await;
        self.click("main form button").await;
        self.until("location.pathname === '/'").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_site_lists_filters_and_draws() {
    async fn visit(site: Site) {
        site.go("/admin").await;
        site.browser.find(Locator::LinkText("employees")).await.unwrap().click().await.unwrap();
        site.until("location.pathname.endsWith('/admin/tables/employees')").await;
        assert!(site.text("main").await.contains("1,000"));

        // A filter by its form becomes a chip and a part of the address, and goes by its cross.
        site.click("#filter > summary").await;
        site.run("document.querySelector('[name=_column]').value = 'salary'; document.querySelector('[name=_op]').value = 'gt';").await;
        site.fill("[name=_value]", "100000").await;
        site.click("#filter button").await;
        site.until("location.search === '?salary=gt.100000'").await;
        assert!(site.text(".pager").await.contains("1–50 of 250"));
        site.click("a[rel=next]").await;
        site.until("location.search.includes('after=')").await;
        assert!(site.text(".pager").await.contains("51–100 of 250"));
        site.click("[data-key=v]").await;
        assert!(site.text(".facets").await.contains("city"));
        site.click(".facet a").await;
        site.until("document.querySelectorAll('.chip').length === 2").await;
        site.click(".chip a").await;
        site.until("document.querySelectorAll('.chip').length === 1").await;

        site.go("/").await;
        // It comes when it is seen, and then in its own time.
        let image = "[...document.images].find(i => i.src.includes('/plots/tips.svg'))";
        site.run(&format!("{image}.scrollIntoView();")).await;
        site.until(&format!("{image}.complete && {image}.naturalWidth > 100")).await;
    }
    visit!("1280,900", visit);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_sets_up_logs_in_edits_and_meets_a_conflict() {
    async fn visit(site: Site) {
        site.set_up().await;
        assert!(site.text(".message").await.contains("You are the administrator."));
        site.go("/account").await;
        site.click(".action form button").await;
        site.until("location.pathname === '/' && document.readyState === 'complete'").await;
        site.go("/admin/tables/employees/7/edit").await;
        assert_eq!(site.path().await, "/login?next=%2Fadmin%2Ftables%2Femployees%2F7%2Fedit");
        site.fill("[name=name]", "root").await;
        site.fill("[name=password]", "a wrong password").await;
        site.click("main form button").await;
        assert!(site.text("#login-error").await.contains("The name or the password is wrong."));
        site.fill("[name=password]", PASSWORD).await;
        site.click("main form button").await;
        site.until("location.pathname === '/admin/tables/employees/7/edit' && document.readyState === 'complete'")
            .await;

        // The row changes elsewhere while this page edits it.
        let theirs = "fetch('/api/employees?id=eq.7', {
            method: 'PATCH',
            headers: { 'content-type': 'application/json', 'x-csrf-token': document.querySelector('[name=_csrf]').value },
            body: JSON.stringify({ name: 'Theirs' }),
        }).then((answer) => { window.changed = answer.status; });";
        site.run(theirs).await;
        site.until("window.changed").await;
        assert_eq!(site.run("return window.changed").await, 204);
        site.fill("[name='f:name']", "Ours").await;
        site.click(".save button").await;
        assert!(site.text(".message").await.contains("Somebody else changed this row"));
        assert!(site.text(".theirs").await.contains("Theirs"));
        assert_eq!(site.find("[name='f:name']").await.prop("value").await.unwrap().as_deref(), Some("Ours"));
        site.click(".save button").await;
        site.until("location.pathname === '/admin/tables/employees/7'").await;
        assert!(site.text(".page-record").await.contains("Ours"));

        // Wrong input stays, with the error beside its field.
        site.go("/admin/tables/employees/7/edit").await;
        site.fill("[name='f:salary']", "much").await;
        site.click(".save button").await;
        assert!(site.text(".field-error").await.contains("\"much\" is not an INTEGER"));
        let described = "const field = document.querySelector('[aria-invalid=true]'); return document.getElementById(field.getAttribute('aria-describedby')).textContent;";
        assert!(site.run(described).await.as_str().unwrap().contains("much"));
    }
    visit!("1280,900", visit);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_is_tried_by_whoever_is_logged_in() {
    async fn visit(site: Site) {
        let insert = "details[id='insert.houses']";
        let send = async || {
            site.fill(&format!("{insert} [data-body]"), "[{\"Area\": 1, \"Price\": 2}]").await;
            site.click(&format!("{insert} form .button.primary")).await;
            site.until(&format!("document.querySelector(\"{insert} [data-facts] span\")")).await;
            let facts = site.text(&format!("{insert} [data-facts]")).await;
            site.run(&format!("document.querySelector(\"{insert} [data-facts]\").replaceChildren()")).await;
            facts
        };
        // Who is not logged in reads of no call that would refuse them.
        site.go("/docs#insert.houses").await;
        site.find("details[id='read.houses']").await;
        assert_eq!(site.run(&format!("return document.querySelector(\"{insert}\")")).await, Value::Null);
        site.set_up().await;
        site.go("/docs#insert.houses").await;
        assert!(site.text("[data-who]").await.contains("root"));
        let facts = send().await;
        assert!(facts.contains("201"), "{facts}");
        site.fill("[data-token]", "tpn_nonsense").await;
        let facts = send().await;
        assert!(facts.contains("401"), "a token counts before the login: {facts}");
        assert_eq!(site.server.get("/api/houses?Area=eq.1").json().as_array().map(Vec::len), Some(1));
    }
    visit!("1280,900", visit);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runaway_query_is_cancelled() {
    async fn visit(site: Site) {
        let running =
            || {
                site.server.get("/metrics").body.lines().find_map(|line| {
                    line.strip_prefix("taipan_sql_running ").and_then(|count| count.parse::<u64>().ok())
                })
            };
        let wait = async |expected: u64| {
            for _ in 0..600 {
                if running() == Some(expected) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            panic!("{:?} queries run, not {expected}", running());
        };
        site.go("/admin/sql").await;
        let endless = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c";
        site.fill("#q", endless).await;
        // The driver waits for the page that does not come, so the page itself cancels, once the query runs.
        let cancel = "setTimeout(async () => {
            document.querySelector('form.sql').requestSubmit();
            while (!(await (await fetch('/metrics')).text()).includes('taipan_sql_running 1')) {
                await new Promise((done) => setTimeout(done, 50));
            }
            const button = document.querySelector('[data-cancel]');
            sessionStorage.setItem('cancelled', String(!button.hidden));
            button.click();
        }, 0);";
        site.run(cancel).await;
        site.until("sessionStorage.getItem('cancelled') && document.readyState === 'complete'").await;
        assert_eq!(site.run("return sessionStorage.getItem('cancelled')").await, "true", "the button is shown");
        assert_eq!(site.path().await, "/admin/sql", "and leads back, before the query's time is over");
        wait(0).await;

        site.fill("#q", "SELECT count(*) AS employees FROM employees").await;
        site.press(&format!("{}{}", Key::Control, Key::Enter)).await;
        site.until("document.querySelector('table.grid')").await;
        assert!(site.text("table.grid").await.contains("1000"));
        site.fill("#q", "SELECT nonsense").await;
        site.click("form.sql button").await;
        assert!(site.text("#sql-error").await.to_lowercase().contains("nonsense"));
    }
    visit!("1280,900", visit);
}

/// The page of a plot: the picture in place of its image, values where the pointer is, series that the legend hides, zoom.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plot_shows_values_hides_series_and_zooms() {
    async fn visit(site: Site) {
        site.go("/admin/plots/tips").await;
        site.find("figure svg .marks circle").await;
        let script = "
            const svg = document.querySelector('figure svg'), seen = {};
            const shown = () => [...svg.querySelectorAll('.marks circle')].filter(c => {
                for (let n = c; n !== svg; n = n.parentNode) if (n.getAttribute('visibility') === 'hidden') return false;
                return true;
            }).length;
            const circle = svg.querySelector('.marks circle'), box = circle.getBoundingClientRect();
            const at = { bubbles: true, clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 };
            circle.dispatchEvent(new PointerEvent('pointermove', at));
            seen.value = svg.lastElementChild.getAttribute('visibility') + ' ' + svg.lastElementChild.textContent;
            seen.all = shown();
            const entry = svg.querySelector('[data-toggle]');
            entry.dispatchEvent(new MouseEvent('click', { bubbles: true }));
            seen.hidden = shown();
            entry.dispatchEvent(new MouseEvent('click', { bubbles: true }));
            seen.back = shown();
            const labels = () => [...svg.querySelectorAll('.x-axis text')].map(t => t.textContent).join(' ');
            seen.before = labels();
            circle.dispatchEvent(new WheelEvent('wheel', { ...at, deltaY: -1, cancelable: true }));
            seen.zoomed = labels();
            circle.dispatchEvent(new MouseEvent('dblclick', at));
            seen.reset = labels();
            return seen;";
        let seen = site.run(script).await;
        assert!(seen["value"].as_str().unwrap().starts_with("visible "), "{seen}");
        assert!(seen["value"].as_str().unwrap().len() > "visible ".len(), "{seen}");
        assert!(seen["all"] == 244 && seen["back"] == 244, "{seen}");
        assert!(seen["hidden"].as_u64().unwrap() < 244, "{seen}");
        assert!(seen["zoomed"] != seen["before"] && seen["reset"] == seen["before"], "{seen}");
    }
    visit!("1280,900", visit);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_reached_by_the_keyboard_alone() {
    async fn visit(site: Site) {
        site.set_up().await;
        site.go("/admin/tables/employees").await;
        // The first stop leads past the rail.
        site.press(&Key::Tab.to_string()).await;
        assert_eq!(site.run("return document.activeElement.className").await, "skip");
        let shown = site
            .run("const box = document.activeElement.getBoundingClientRect(); return box.width > 50 && box.top >= 0;")
            .await;
        assert_eq!(shown, true, "what has the focus is seen");
        site.press(&Key::Enter.to_string()).await;
        site.press("/").await;
        assert_eq!(site.run("return document.activeElement.name").await, "search");
        site.press(&format!("Lisbon{}", Key::Enter)).await;
        site.until("location.search.startsWith('?search=Lisbon')").await;
        site.press("f").await;
        assert_eq!(site.run("return document.activeElement.name").await, "_column");
        site.press(&Key::Escape.to_string()).await;
        assert_eq!(site.run("return document.getElementById('filter').open").await, false);
        site.press("j").await;
        site.press("j").await;
        let second = site.run("return document.querySelectorAll('tbody tr')[1].contains(document.activeElement)").await;
        assert_eq!(second, true);
        let outlined = site.run("return getComputedStyle(document.activeElement).outlineStyle !== 'none'").await;
        assert_eq!(outlined, true, "the focus is visible");
        site.press(&Key::Enter.to_string()).await;
        site.until("document.querySelector('.page-record')").await;
        site.press("e").await;
        site.until("location.pathname.endsWith('/edit')").await;
        let name = site.find("[name='f:name']").await;
        name.clear().await.unwrap();
        name.send_keys(&format!("By keys{}s", Key::Control)).await.unwrap();
        site.until("!location.pathname.endsWith('/edit')").await;
        assert!(site.text(".page-record").await.contains("By keys"));
        site.press("?").await;
        assert_eq!(site.run("return document.getElementById('shortcuts').open").await, true);
        site.press(&Key::Escape.to_string()).await;
        assert_eq!(site.run("return document.getElementById('shortcuts').open").await, false);
    }
    visit!("1280,900", visit);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dark_theme_is_chosen_and_kept_and_phones_fold_the_rail() {
    async fn visit(site: Site) {
        let light = "const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number); return r + g + b > 384;";
        site.go("/").await;
        site.run("document.querySelector('[data-set-theme=light]').click();").await;
        assert_eq!(site.run(light).await, true);
        site.click("[data-set-theme=dark]").await;
        assert_eq!(site.run(light).await, false);
        let plot =
            "return [...document.images].find(i => i.currentSrc.includes('/plots/')).currentSrc.includes('theme=dark')";
        assert_eq!(site.run(plot).await, true, "plots are drawn for the dark");
        site.go("/admin/tables/tips").await;
        assert_eq!(site.run(light).await, false, "the next page keeps it");

        site.browser.set_window_size(390, 844).await.unwrap();
        site.go("/admin/tables/employees").await;
        let wide = site.run("return document.documentElement.scrollWidth > innerWidth").await;
        assert_eq!(wide, false, "nothing is wider than the screen");
        assert_eq!(site.run("return getComputedStyle(document.getElementById('rail')).display").await, "none");
        site.click(".menu").await;
        assert_ne!(site.run("return getComputedStyle(document.getElementById('rail')).display").await, "none");
        site.click(".rail-close").await;
        assert!(!site.place.files().is_empty());
    }
    visit!("1280,900", visit);
}
