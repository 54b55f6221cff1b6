//! Page templates in the Jinja language, compiled into the program; everything printed is escaped.
//!
//! Beside Jinja's own filters: `number` (thousands separators), `digits(n)` (rounded to n decimals), `size`, `date`,
//! `plural("row")`, `urlencode` (one part of a path or query), and the function `asset("app.css")`, the path of a named
//! [`Asset`].

use crate::{Asset, Error, Folder, Parameters, Result, format};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, ValueKind};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, path_loader};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The templates of an app. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Templates {
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Fixed(Arc<Environment<'static>>),
    /// Read anew at each page.
    Live(Arc<Mutex<Environment<'static>>>),
}

impl Templates {
    /// Reads all `sources` (name and text); a template may extend or include another by name. `assets` are those that
    /// the function `asset(name)` knows.
    ///
    /// # Errors
    /// The first template that does not parse, with its line.
    pub fn new(sources: &[(&'static str, &'static str)], assets: &[Asset]) -> Result<Self> {
        let mut environment = environment(assets)?;
        for (name, source) in sources {
            environment.add_template(name, source).map_err(|error| Error::template(name, error))?;
        }
        Ok(Self { source: Source::Fixed(Arc::new(environment)) })
    }

    /// The templates of a folder, read when they are first needed; or, while one develops, anew at each page.
    ///
    /// # Errors
    /// As [`new`](Self::new), for what comes with the program. A template of the folder is told of when it is rendered.
    pub fn from_folder(folder: impl AsRef<Path>, assets: &[Asset], reload: bool) -> Result<Self> {
        let mut environment = environment(assets)?;
        environment.set_loader(path_loader(folder));
        environment.set_auto_reload(false);
        Ok(Self::of(environment, reload))
    }

    /// Those of the program, of which a folder may hold others in their place, and more. While one develops they are read
    /// anew at each page.
    ///
    /// # Errors
    /// As [`new`](Self::new). A template of the folder is told of when it is rendered.
    pub fn over(
        folder: impl AsRef<Path>,
        sources: &[(&'static str, &'static str)],
        assets: &[Asset],
        reload: bool,
    ) -> Result<Self> {
        // So that what comes with the program is known to parse.
        Self::new(sources, assets)?;
        let mut environment = environment(assets)?;
        let (own, built_in) = (path_loader(folder), sources.to_vec());
        environment.set_loader(move |name| {
            let found = own(name)?;
            let usual = || built_in.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).into());
            Ok(found.or_else(usual))
        });
        environment.set_auto_reload(false);
        Ok(Self::of(environment, reload))
    }

    fn of(environment: Environment<'static>, reload: bool) -> Self {
        let source =
            if reload { Source::Live(Arc::new(Mutex::new(environment))) } else { Source::Fixed(Arc::new(environment)) };
        Self { source }
    }

    /// Gives all templates a value under a name.
    #[must_use]
    pub fn global(self, name: &'static str, value: impl Serialize) -> Self {
        let value = Value::from(Serde(&value));
        self.changed(|environment| environment.add_global(name, value))
    }

    /// Lets templates write addresses by the names of routes: `{{ url_for("post", id=7) }}`.
    #[must_use]
    pub fn routes(self, routes: &Parameters) -> Self {
        let routes = routes.clone();
        let url_for = move |name: &str, parameters: Kwargs| {
            let mut pairs = Vec::new();
            for key in parameters.args() {
                pairs.push((key.to_owned(), parameters.get::<Value>(key)?.to_string()));
            }
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            routes.url_for(name, &pairs).map_err(|error| invalid(error.to_string()))
        };
        self.changed(|environment| environment.add_function("url_for", url_for))
    }

    /// Lets templates write addresses of static files: `{{ file("app.css") }}`.
    #[must_use]
    pub fn folder(self, folder: &Folder) -> Self {
        let folder = folder.clone();
        let url = move |name: &str| folder.url(name).ok_or_else(|| invalid(format!("no file “{name}”")));
        self.changed(|environment| environment.add_function("file", url))
    }

    fn changed(self, change: impl FnOnce(&mut Environment<'static>)) -> Self {
        match self.source {
            Source::Fixed(mut environment) => {
                change(Arc::make_mut(&mut environment));
                Self { source: Source::Fixed(environment) }
            }
            Source::Live(environment) => {
                change(&mut environment.lock().unwrap_or_else(PoisonError::into_inner));
                Self { source: Source::Live(environment) }
            }
        }
    }

    /// True when there is a template of this name.
    pub fn has(&self, name: &str) -> bool {
        self.with(|environment| environment.get_template(name).is_ok())
    }

    /// Renders a template with `values`, anything that serialises to a map.
    ///
    /// # Errors
    /// An unknown template, or what is wrong in it and on which line.
    pub fn render(&self, name: &str, values: &impl Serialize) -> Result<Page> {
        let html = self
            .with(|environment| {
                environment.get_template(name).and_then(|template| template.render(Value::from(Serde(values))))
            })
            .map_err(|error| Error::template(name, error))?;
        Ok(Page { html, status: StatusCode::OK })
    }

    fn with<T>(&self, run: impl FnOnce(&Environment<'static>) -> T) -> T {
        match &self.source {
            Source::Fixed(environment) => run(environment),
            Source::Live(environment) => {
                let mut environment = environment.lock().unwrap_or_else(PoisonError::into_inner);
                environment.clear_templates();
                run(&environment)
            }
        }
    }
}

/// A rendered HTML page, answered with status 200 unless told otherwise, and revalidated by browsers each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    html: String,
    status: StatusCode,
}

impl Page {
    /// The same page with another status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The page's HTML.
    pub fn html(&self) -> &str {
        &self.html
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        (self.status, headers, self.html).into_response()
    }
}

fn environment(assets: &[Asset]) -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    // A misspelt variable fails the page's test instead of leaving a hole in the page.
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    // Whatever a template is called, what it prints is escaped.
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.map_err(|error| Error::template("syntax", error))?);
    add_filters(&mut environment);
    let paths: BTreeMap<&'static str, String> = assets.iter().map(|asset| (asset.name(), asset.path())).collect();
    environment.add_function("asset", move |name: &str| {
        paths.get(name).cloned().ok_or_else(|| invalid(format!("no asset “{name}”")))
    });
    Ok(environment)
}

fn add_filters(environment: &mut Environment<'static>) {
    environment.add_filter("number", |value: Value| match value.kind() {
        ValueKind::Number => format::thousands(&value.to_string()),
        _ => value.to_string(),
    });
    environment.add_filter("digits", |value: f64, digits: usize| {
        let text = format!("{value:.*}", digits.min(17));
        let trimmed = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        format::thousands(if trimmed == "-0" { "0" } else { trimmed })
    });
    environment.add_filter("size", |bytes: u64| format::size(bytes));
    environment.add_filter("date", |time: &str| format::date(time));
    environment.add_filter("plural", |count: u64, noun: &str| format::plural(count, noun));
    environment.add_filter("urlencode", |text: Value| format::url_part(&text.to_string()));
}

fn invalid(detail: String) -> minijinja::Error {
    minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use serde_json::json;

    fn render(source: &'static str, values: &serde_json::Value) -> Result<String> {
        Ok(Templates::new(&[("page.html", source)], &[Asset::hashed("app.css", b"a")])?
            .render("page.html", values)?
            .html)
    }

    #[test]
    fn filters() {
        let cases = [
            ("{{ 336776|number }}", "336,776"),
            ("{{ 1234.5|number }}", "1,234.5"),
            ("{{ 'n/a'|number }}", "n&#x2f;a"),
            ("{{ 0.96149|digits(3) }}", "0.961"),
            ("{{ 12345.0|digits(2) }}", "12,345"),
            ("{{ (-0.0001)|digits(2) }}", "0"),
            ("{{ 31100000|size }}", "31.1 MB"),
            ("{{ '2026-11-22T07:09:25Z'|date }}", "2026-11-22 07:09 UTC"),
            ("{{ 1|plural('row') }}, {{ 2|plural('row') }}", "1 row, 2 rows"),
            ("{{ 'a b/c?&'|urlencode }}", "a%20b%2Fc%3F%26"),
            ("{{ asset('app.css') }}", "&#x2f;assets&#x2f;app.af63dc4c8601ec8c.css"),
        ];
        for (source, expected) in cases {
            assert_eq!(render(source, &json!({})).expect("renders"), expected, "{source}");
        }
    }

    #[test]
    fn hostile_values_are_escaped_in_text_and_attributes() {
        let values = json!({ "x": "\"><script>alert('1')</script>" });
        let page = render("<a title=\"{{ x }}\">{{ x }}</a>", &values).expect("renders");
        assert!(!page.contains("<script") && !page.contains("\"><s"), "{page}");
    }

    #[test]
    fn templates_extend_each_other() {
        let sources = [
            ("base.html", "<title>{% block title %}{% endblock %}</title>"),
            ("page.html", "{% extends 'base.html' %}{% block title %}{{ name }}{% endblock %}"),
        ];
        let templates = Templates::new(&sources, &[]).expect("templates parse");
        let page = templates.render("page.html", &json!({ "name": "A & B" })).expect("renders");
        assert_eq!(page.html(), "<title>A &amp; B</title>");
    }

    #[test]
    fn a_folder_holds_others_in_place_of_the_programs() {
        let folder = tempfile::tempdir().expect("a folder");
        let sources = [
            ("base.html", "[{% block a %}{% endblock %}]"),
            ("page.html", "{% extends 'base.html' %}{% block a %}1{% endblock %}"),
        ];
        let fixed = Templates::over(folder.path(), &sources, &[], false).expect("templates");
        let live = Templates::over(folder.path(), &sources, &[], true).expect("templates").global("site", "demo");
        let page = |templates: &Templates| templates.render("page.html", &json!({})).map(|page| page.html);
        assert_eq!((page(&fixed).expect("fixed"), page(&live).expect("live")), ("[1]".into(), "[1]".into()));
        std::fs::write(folder.path().join("base.html"), "<{% block a %}{% endblock %} {{ site }}>").expect("written");
        assert_eq!((page(&fixed).expect("fixed"), page(&live).expect("live")), ("[1]".into(), "<1 demo>".into()));
        std::fs::write(folder.path().join("base.html"), "{% nonsense").expect("written");
        assert!(page(&live).expect_err("a fault").to_string().starts_with("base.html:1: syntax error"));
    }

    #[test]
    fn errors_name_template_and_line() {
        let cases = [
            ("a\n{{ x", "page.html:2: syntax error: unexpected end of input, expected end of variable block"),
            ("a\nb\n{{ missing }}", "page.html:3: undefined value"),
            ("{{ asset('no.css') }}", "page.html:1: invalid operation: no asset “no.css”"),
        ];
        for (source, expected) in cases {
            let error = render(source, &json!({})).expect_err(source);
            assert_eq!(error.to_string(), expected, "{source}");
        }
        let templates = Templates::new(&[], &[]).expect("no templates");
        let error = templates.render("no.html", &json!({})).expect_err("unknown");
        assert_eq!(error.kind(), &ErrorKind::UnknownTemplate("no.html".to_owned()));
        assert_eq!(error.to_string(), "no template “no.html”");
    }
}
