//! A small site with a database, logins and forms: posts that anybody reads and those who log in write.
//!
//! `cargo run -p taipan-web --example blog`, then open <http://127.0.0.1:8000> and log in as `ada`, `a long password`.

use std::convert::Infallible;

use taipan_store::document::{Document, Field, Form, Path as Column, Sort};
use taipan_store::mutation::{Change, Mutation};
use taipan_store::{Count, Mode, Store, Value, WriteOptions};
use taipan_web::{
    Accounts, App, Denied, Fields, IntoResponse, NewUser, Page, Problem, Redirect, Response, Routes, Session, Sessions,
    State, StatusCode, TcpListener, Templates, blocking, get, serve,
};

const BASE: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>{% block title %}Blog{% endblock %}</title>
<nav><a href=\"{{ url_for('home') }}\">Blog</a> {% if user %}<a href=\"{{ url_for('write') }}\">Write</a> {{ user }}{% else %}<a href=\"{{ url_for('login') }}\">Log in</a>{% endif %}</nav>
{% for message in messages %}<p role=status>{{ message.1 }}</p>{% endfor %}
{% block content %}{% endblock %}</html>";
const HOME: &str = "{% extends 'base.html' %}{% block content %}{% for post in posts %}<article><h2>{{ post.title }}</h2><p>{{ post.text }}</p><p>{{ post.author }}</p></article>{% else %}<p>No posts yet.</p>{% endfor %}{% endblock %}";
const FORM: &str = "{% extends 'base.html' %}{% block content %}<form method=post><input type=\"hidden\" name=\"_csrf\" value=\"{{ csrf }}\">
{% for field in fields %}<p><label>{{ field.label }} <input name=\"{{ field.name }}\" type=\"{{ field.kind }}\" value=\"{{ field.value }}\"></label> {{ field.error }}</p>{% endfor %}
<button>{{ button }}</button></form>{% endblock %}";

#[derive(Clone)]
struct Blog {
    store: Store,
    accounts: Accounts,
    templates: Templates,
}

#[derive(serde::Serialize)]
struct Input {
    label: &'static str,
    name: &'static str,
    kind: &'static str,
    value: String,
    error: String,
}

impl Input {
    fn new(label: &'static str, name: &'static str, kind: &'static str, fields: &Fields) -> Self {
        let value = if kind == "password" { "" } else { fields.get(name).unwrap_or_default() };
        let error = fields.errors().get(name).cloned().unwrap_or_default();
        Self { label, name, kind, value: value.to_owned(), error }
    }
}

fn user(session: &Session) -> Option<String> {
    session.get("user")
}

fn form(blog: &Blog, session: &Session, button: &str, fields: Vec<Input>) -> Result<Page, Problem> {
    let values = serde_json::json!({
        "user": user(session), "messages": session.flashes(), "csrf": session.csrf_token(),
        "fields": fields, "button": button,
    });
    Ok(blog.templates.render("form.html", &values)?)
}

async fn home(State(blog): State<Blog>, session: Session) -> Result<Page, Problem> {
    let (user, messages) = (user(&session), session.flashes());
    blocking(move || {
        let mut newest = Document::new("posts").field(Field::column("title")).field(Field::column("text"));
        newest = newest.field(Field::column("author"));
        newest.order = vec![Sort { embed: None, path: Column::column("id"), descending: true, nulls: None }];
        newest.limit = Some(20);
        let page = blog.store.read_document(&newest, Form::Json, Count::None).map_err(Problem::internal)?;
        let posts: serde_json::Value = serde_json::from_slice(&page.body).map_err(Problem::internal)?;
        let values = serde_json::json!({ "user": user, "messages": messages, "posts": posts });
        Ok(blog.templates.render("home.html", &values)?)
    })
    .await?
}

async fn login_form(State(blog): State<Blog>, session: Session) -> Result<Page, Problem> {
    login_page(&blog, &session, &Fields::default())
}

fn login_page(blog: &Blog, session: &Session, fields: &Fields) -> Result<Page, Problem> {
    let inputs =
        vec![Input::new("Name", "name", "text", fields), Input::new("Password", "password", "password", fields)];
    form(blog, session, "Log in", inputs)
}

async fn login(State(blog): State<Blog>, session: Session, mut fields: Fields) -> Result<Response, Problem> {
    let name = fields.text("name").required().value().unwrap_or_default();
    let password = fields.get("password").unwrap_or_default().to_owned();
    let accounts = blog.accounts.clone();
    match blocking(move || accounts.login(&name, &password, None, "blog")).await? {
        Ok(user) => {
            session.rotate();
            session.set("user", &user.name());
            session.flash("success", format!("Welcome, {}.", user.name()));
            Ok(Redirect::to("/").into_response())
        }
        Err(Denied::Failed(error)) => Err(error.into()),
        Err(denied) => {
            fields.reject("password", denied.to_string());
            Ok(login_page(&blog, &session, &fields)?.status(StatusCode::FORBIDDEN).into_response())
        }
    }
}

fn write_page(blog: &Blog, session: &Session, fields: &Fields) -> Result<Page, Problem> {
    let inputs = vec![Input::new("Title", "title", "text", fields), Input::new("Text", "text", "text", fields)];
    form(blog, session, "Publish", inputs)
}

async fn write_form(State(blog): State<Blog>, session: Session) -> Result<Response, Problem> {
    match user(&session) {
        Some(_) => Ok(write_page(&blog, &session, &Fields::default())?.into_response()),
        None => Ok(Redirect::to("/login").into_response()),
    }
}

async fn write(State(blog): State<Blog>, session: Session, mut fields: Fields) -> Result<Response, Problem> {
    let Some(author) = user(&session) else { return Ok(Redirect::to("/login").into_response()) };
    let title = fields.text("title").required().at_most(100).value();
    let text = fields.text("text").required().at_most(10_000).value();
    let (Some(title), Some(text)) = (title, text) else {
        return Ok(write_page(&blog, &session, &fields)?.status(StatusCode::BAD_REQUEST).into_response());
    };
    let columns = ["title", "text", "author"].map(str::to_owned).to_vec();
    let row = [title, text, author].map(|value| Some(Value::Text(value))).to_vec();
    let insert = Mutation::new("posts", Change::Insert { columns, rows: vec![row], on_conflict: None });
    blocking(move || blog.store.mutate(insert)).await?.map_err(Problem::internal)?;
    session.flash("success", "It is published.");
    Ok(Redirect::to("/").into_response())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    use arrow::datatypes::{DataType, Field as ArrowField, Schema};
    let store = Store::open("sqlite::memory:")?;
    let text = |name| ArrowField::new(name, DataType::Utf8, false);
    let id = ArrowField::new("id", DataType::Int64, false);
    let schema = Schema::new(vec![id, text("title"), text("text"), text("author")]);
    let options = WriteOptions::default().mode(Mode::Create).primary_key("id");
    store.write_table("posts", &schema, &options, std::iter::empty::<Result<_, Infallible>>())?;
    let accounts = Accounts::new(store.clone());
    accounts.create(NewUser::new("ada", "a long password"))?;

    let routes = Routes::new()
        .route("home", "/", get(home))
        .route("login", "/login", get(login_form).post(login))
        .route("write", "/write", get(write_form).post(write));
    let sources = [("base.html", BASE), ("home.html", HOME), ("form.html", FORM)];
    let templates = Templates::new(&sources, &[])?.routes(&routes.parameters());
    let blog = Blog { store: store.clone(), accounts, templates };
    let app = App::new().sessions(Sessions::in_store(store)).routes(routes.into_router().with_state(blog));
    Ok(serve(app, TcpListener::bind("127.0.0.1:8000").await?, std::future::pending()).await?)
}
