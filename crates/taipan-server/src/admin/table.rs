//! `/admin/tables/{table}`: the rows of a table, filtered, sorted and paged by the address.

use serde::Serialize;
use taipan::store::{Filter, Kind, Order, Select, Selected, Table, Value};
use taipan_web::{IntoResponse, Path, Problem, Query, Redirect, Session, State as Shared, StatusCode};

use super::address::{Address, element, key};
use super::cell::{Cell, column_class, text};
use super::facet::{self, Facet};
use super::filter::{CONDITIONS, Draft, Words};
use super::paging::{Paging, Place};
use super::shell::{Link, Search, Shell};
use super::total::{Told, Total};
use super::{Answer, page as render, problem, record_path, refusal, seen, source_name, table_path};
use crate::rights::Asker;
use crate::{State, rest};

/// The page sizes that are offered.
const SIZES: [u64; 3] = [50, 100, 500];
/// The most rows on a page, whatever the address says.
const MOST: u64 = 1_000;

#[derive(Serialize)]
struct View<'a> {
    shell: Shell,
    table: Facts,
    path: String,
    rest: String,
    keep: Vec<(String, String)>,
    keep_select: Vec<(String, String)>,
    operators: &'static [(&'static str, &'static str)],
    draft: Draft,
    chips: Vec<Chip>,
    error: Option<Fault>,
    headers: Vec<Header<'a>>,
    rows: Vec<Row>,
    pager: Pager,
    /// The rows that match.
    total: Told,
    facets: Option<Facets>,
    /// The view with its facets, or without them.
    facets_path: String,
    /// Where a row is added.
    add: Option<String>,
    messages: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Facts {
    name: String,
    is_view: bool,
    rows: Told,
    is_empty: bool,
    source: Option<String>,
    imported: Option<String>,
    columns: Vec<Choice>,
}

/// A column in the form's lists.
#[derive(Serialize)]
struct Choice {
    name: String,
    kind: String,
    shown: bool,
}

/// A filter in force, and the view without it.
#[derive(Serialize)]
struct Chip {
    column: String,
    op: String,
    value: String,
    without: String,
    wrong: bool,
    /// Its place among the address's parameters.
    #[serde(skip)]
    at: usize,
}

/// Why an address cannot be read. `in_filter` where the form can mend it.
#[derive(Serialize)]
struct Fault {
    message: String,
    more: Option<String>,
    in_filter: bool,
}

#[derive(Serialize)]
struct Header<'a> {
    name: &'a str,
    kind: String,
    class: String,
    sorted: Option<&'static str>,
    sort: String,
}

#[derive(Serialize)]
struct Row {
    path: Option<String>,
    cells: Vec<Cell>,
}

#[derive(Serialize)]
struct Facets {
    columns: Vec<Facet>,
    /// Whether all rows that match were looked at.
    is_whole: bool,
    sample: u64,
}

#[derive(Default, Serialize)]
struct Pager {
    first: u64,
    until: u64,
    sizes: Vec<Size>,
    beginning: Option<String>,
    previous: Option<String>,
    next: Option<String>,
    end: Option<String>,
    past_end: bool,
    last: String,
    /// The view with every row counted.
    count: String,
}

#[derive(Serialize)]
struct Size {
    rows: u64,
    path: String,
    current: bool,
}

pub(super) async fn page(
    Shared(state): Shared<State>,
    Path(name): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
    session: Session,
) -> Answer {
    render(state, move |state| {
        let address = Address::new(&name, pairs);
        let asker = state.access.visitor(&session);
        let asker = asker.asking(address.pairs().iter().map(|(name, _)| name.as_str()));
        let table = match seen(state, &asker, &name, &table_path(&name)) {
            Ok(table) => table,
            Err(answer) => return *answer,
        };
        match submitted(&address) {
            Some(view) => Ok(Redirect::to(&view.page()).into_response()),
            None => show(state, &asker, &table, &address, &session),
        }
    })
    .await
}

/// The view that a form asks for: its fields become parameters, so that the page itself has one address.
fn submitted(address: &Address) -> Option<Address> {
    let own = ["_column", "_op", "_value", "_show"];
    let pairs = address.pairs().iter();
    let kept = pairs.clone().filter(|(key, _)| !own.contains(&key.as_str())).cloned().collect();
    let field = |key: &str| address.get(key).unwrap_or_default().to_owned();
    if address.get("_column").is_some() && address.get("_op").is_some() {
        let draft = Draft { column: field("_column"), op: field("_op"), value: field("_value") };
        return Some(address.replace(kept).and(key(&draft.column), draft.condition()));
    }
    let shown: Vec<String> = pairs.filter(|(key, _)| key == "_show").map(|(_, column)| element(column)).collect();
    (!shown.is_empty()).then(|| address.replace(kept).with("select", Some(shown.join(","))))
}

fn show(state: &State, asker: &Asker, table: &Table, address: &Address, session: &Session) -> Answer {
    let parsed = rest::parse_query(table, &address.query());
    let (select, error) = match parsed {
        Ok(select) => (select, None),
        Err(error) => (Select::new(table.name.as_str()), Some(error)),
    };
    let limit = select.limit.unwrap_or(SIZES[0]).clamp(1, MOST);
    let select = with_search(asker, table, select, address.search()).limit(limit);
    let rule = asker.filter(table).map_err(|error| refusal(&error))?;
    let chips = chips(table, address, error.is_some());
    let store = state.project.store();
    let count = |filter: Option<&Filter>| {
        let counted = match address.get("count") {
            Some("exact") => store.count(&table.name, filter).map(Total::Exactly),
            _ => Total::of(store, table, filter),
        };
        counted.map_err(|error| problem(&error))
    };
    let all = count(rule.as_ref())?;
    let is_all = select.filter.is_none();
    let select = rule.into_iter().fold(select, Select::filter);
    let (total, found) = if error.is_some() {
        (all, Found::default())
    } else {
        let total = if is_all { all } else { count(select.filter.as_ref())? };
        (total, find(state, table, &select, address, total)?)
    };
    let wants_facets = address.get("facets").is_some() && error.is_none();
    let facets = wants_facets.then(|| facet::facets(store, table, select.filter.as_ref(), address));
    let facets = facets.transpose().map_err(|error| problem(&error))?;
    let origin = state.project.source_of(&table.name);
    let shown = shown(table, &select);
    let search = table.columns.iter().any(|column| column.kind == Kind::Text).then(|| Search {
        path: table_path(&table.name),
        value: address.search().unwrap_or_default().to_owned(),
        label: format!("Search in {}", table.name),
        keep: address.with("search", None).pairs().to_vec(),
    });
    let fault = error.as_ref().map(|error| fault(error, &chips));
    let status = fault.as_ref().map_or(StatusCode::OK, |_| StatusCode::BAD_REQUEST);
    let user = asker.user();
    let may_write = asker.may_write(table) || (user.is_none() && !table.is_view);
    let values = View {
        add: may_write.then(|| format!("{}/_new", table_path(&table.name))),
        messages: session.flashes(),
        shell: Shell::new(state, &table.name, &table_path(&table.name))?
            .of(session, user)
            .under([Link::new("Tables", "/admin")])
            .search(search),
        path: table_path(&table.name),
        rest: address.rest(table, limit, found.first.saturating_sub(1)),
        keep: without_wrong(address, &chips).at_first().pairs().to_vec(),
        keep_select: address.with("select", None).pairs().to_vec(),
        operators: &CONDITIONS,
        draft: draft(table, address, &chips),
        headers: headers(table, address, &select, &shown),
        pager: pager(address, limit, &found, total),
        rows: found.rows,
        total: total.told(),
        facets: facets.map(|(columns, is_whole)| Facets { columns, is_whole, sample: facet::SAMPLE }),
        facets_path: address.keeping_place("facets", (!wants_facets).then(|| "on".to_owned())).page(),
        table: Facts {
            name: table.name.clone(),
            is_view: table.is_view,
            rows: all.told(),
            is_empty: all == Total::Exactly(0),
            source: origin.as_ref().map(|origin| source_name(&origin.source)),
            imported: origin.map(|origin| origin.imported_at),
            columns: table
                .columns
                .iter()
                .map(|column| Choice {
                    name: column.name.clone(),
                    kind: column.kind.name().to_lowercase(),
                    shown: shown.iter().any(|selected| selected.column == column.name),
                })
                .collect(),
        },
        error: fault,
        chips,
    };
    Ok(state.templates.render("table.html", &values)?.status(status).into_response())
}

fn with_search(asker: &Asker, table: &Table, select: Select, search: Option<&str>) -> Select {
    match search {
        Some(text) => select.filter(asker.search(table, text)),
        None => select,
    }
}

/// The columns that are shown: those selected, or all.
fn shown(table: &Table, select: &Select) -> Vec<Selected> {
    if select.columns.is_empty() {
        table.columns.iter().map(|column| Selected { column: column.name.clone(), alias: None }).collect()
    } else {
        select.columns.clone()
    }
}

#[derive(Default)]
struct Found {
    rows: Vec<Row>,
    /// The number of the first row among those that match, from 1.
    first: u64,
    /// The places before and after these rows, where there are more.
    before: Option<Step>,
    after: Option<Step>,
    /// Whether a page can be found by its keys, and so the last one too.
    by_key: bool,
}

/// How another page is found.
enum Step {
    Key(String),
    Offset(u64),
}

/// Reads a page of rows. The key is read even where it is not shown, so that every row leads to its record, and so are the
/// columns of the order, which say where the pages around this one are.
fn find(state: &State, table: &Table, select: &Select, address: &Address, total: Total) -> Result<Found, Problem> {
    let limit = select.limit.unwrap_or(SIZES[0]);
    let paging = Paging::of(table, &select.order);
    let place = match &paging {
        Some(paging) => match paging.place(address.get("after"), address.get("before")) {
            Some(Place::From(_)) => Place::From(select.offset),
            Some(place) => place,
            None => {
                return Err(Problem::bad_request("There is no such page of this table.")
                    .hint("Go to the table and begin at its first page."));
            }
        },
        None => Place::From(select.offset),
    };
    let mut wanted = select.clone().limit(limit + 1);
    wanted.offset = if let Place::From(offset) = place { offset } else { 0 };
    if let Some(paging) = &paging {
        wanted.order = paging.order(place.is_backward());
        if let Some(condition) = paging.condition(&place) {
            wanted = wanted.filter(condition);
        }
    }
    wanted.columns = shown(table, select);
    let width = wanted.columns.len();
    let key = primary_key(table).map(|key| position(&mut wanted.columns, key));
    let places: Vec<usize> =
        paging.iter().flat_map(Paging::columns).map(|column| position(&mut wanted.columns, column)).collect();
    let mut read = state.project.store().read_rows(&wanted).map_err(|error| problem(&error))?;

    let has_more = read.rows.len() as u64 > limit;
    read.rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    if place.is_backward() {
        read.rows.reverse();
    }
    let count = read.rows.len() as u64;
    let first = match &place {
        Place::From(offset) => offset + 1,
        Place::After(number, _) => number + 1,
        // Rows may have come or gone since the address was made: what is first is so whatever it says.
        Place::Before(..) | Place::End if !has_more => 1,
        Place::Before(number, _) => number.saturating_sub(count).max(1),
        Place::End => total.number().saturating_sub(count) + 1,
    };
    let step = |row: Option<&Vec<Value>>, number: u64| {
        let values: Option<Vec<Value>> = places.iter().map(|at| row?.get(*at).cloned()).collect();
        let key = values.filter(|values| !values.is_empty()).and_then(|values| Paging::write(number, &values));
        key.map(Step::Key)
    };
    let is_backward = place.is_backward();
    let is_first = if is_backward { !has_more } else { first <= 1 };
    let is_last = if is_backward { place == Place::End } else { !has_more };
    let before = (!is_first && count > 0).then(|| step(read.rows.first(), first));
    let after = (!is_last && count > 0).then(|| step(read.rows.last(), first + count - 1));
    let by_offset = |at: u64| Some(Step::Offset(at));
    let (before, after) = (
        before.and_then(|key| key.or_else(|| by_offset((first - 1).saturating_sub(limit)))),
        after.and_then(|key| key.or_else(|| by_offset(first + count - 1))),
    );
    let columns = read.columns;
    let rows = read.rows.iter().map(|values| {
        let mut cells: Vec<Cell> =
            columns.iter().zip(values).map(|(column, value)| Cell::new(column.kind, value)).collect();
        let path = key.and_then(|at| {
            let path = row_path(table, values.get(at)?)?;
            let cell = cells.get_mut(at)?;
            cell.path = Some(path.clone());
            cell.class.push_str(" pin");
            Some(path)
        });
        cells.truncate(width);
        Row { path, cells }
    });
    Ok(Found { rows: rows.collect(), first, before, after, by_key: paging.is_some() })
}

/// Where a column is among those that are read; it is added where it is not.
fn position(columns: &mut Vec<Selected>, name: &str) -> usize {
    if let Some(at) = columns.iter().position(|selected| selected.column == name) {
        return at;
    }
    // Named as no other column is, which might have taken its name as an alias.
    let mut alias = "_key".to_owned();
    while columns.iter().any(|selected| selected.name() == alias) {
        alias.push('_');
    }
    columns.push(Selected { column: name.to_owned(), alias: Some(alias) });
    columns.len() - 1
}

/// The page of the row with this key; none for a key that no address can say.
fn row_path(table: &Table, key: &Value) -> Option<String> {
    match key {
        Value::Null | Value::Blob(_) => None,
        key => Some(text(key)).filter(|key| !key.is_empty()).map(|key| record_path(&table.name, &key)),
    }
}

/// The column that alone names a row.
pub(super) fn primary_key(table: &Table) -> Option<&str> {
    let mut keys = table.columns.iter().filter(|column| column.primary_key);
    match (keys.next(), keys.next()) {
        (Some(key), None) => Some(&key.name),
        _ => None,
    }
}

fn chips(table: &Table, address: &Address, check: bool) -> Vec<Chip> {
    let search = address.pairs().iter().position(|(key, value)| key == "search" && !value.is_empty());
    let search = search.into_iter().map(|at| Chip {
        column: "any text".to_owned(),
        op: "contains".to_owned(),
        value: address.search().unwrap_or_default().to_owned(),
        without: address.without(at).page(),
        wrong: false,
        at,
    });
    let filters = address.filters().map(|(at, name, value)| {
        let wrong = check && rest::parse_query(table, &[(name.to_owned(), value.to_owned())]).is_err();
        let words = Words::of(value);
        Chip {
            column: unquoted(name),
            op: words.op,
            value: words.value,
            without: address.without(at).page(),
            wrong,
            at,
        }
    });
    search.chain(filters).collect()
}

fn unquoted(key: &str) -> String {
    let inner = key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.map_or_else(|| key.to_owned(), |inner| inner.replace("\\\"", "\"").replace("\\\\", "\\"))
}

/// The form: the filter that is wrong, to be mended, or an empty one.
fn draft(table: &Table, address: &Address, chips: &[Chip]) -> Draft {
    let wrong = chips.iter().find(|chip| chip.wrong).and_then(|chip| address.pairs().get(chip.at));
    match wrong {
        Some((name, value)) => Draft::of(&unquoted(name), value),
        None => Draft {
            column: table.columns.first().map_or_else(String::new, |column| column.name.clone()),
            ..Draft::default()
        },
    }
}

/// The view that the form adds to: what it mends is left out.
fn without_wrong(address: &Address, chips: &[Chip]) -> Address {
    match chips.iter().find(|chip| chip.wrong) {
        Some(chip) => address.without(chip.at),
        None => address.clone(),
    }
}

fn fault(error: &rest::Error, chips: &[Chip]) -> Fault {
    let told = serde_json::to_value(error).unwrap_or_default();
    let part = |name: &str| told.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    Fault {
        message: error.message().to_owned(),
        more: part("hint").or_else(|| part("details")),
        in_filter: chips.iter().any(|chip| chip.wrong),
    }
}

fn headers<'a>(table: &Table, address: &Address, select: &Select, shown: &'a [Selected]) -> Vec<Header<'a>> {
    let primary = primary_key(table);
    let header = |selected: &'a Selected| {
        let kind = table.column(&selected.column).ok()?.kind;
        let order = select.order.iter().find(|order| order.column == selected.column);
        let (sorted, next) = match order {
            None => (None, Some("asc")),
            Some(Order { descending: false, .. }) => (Some("ascending"), Some("desc")),
            Some(_) => (Some("descending"), None),
        };
        let pin = if primary == Some(&selected.column) { " pin" } else { "" };
        Some(Header {
            name: selected.name(),
            kind: kind.name().to_lowercase(),
            class: format!("{}{pin}", column_class(kind)).trim_start().to_owned(),
            sorted,
            sort: address.with("order", next.map(|next| format!("{}.{next}", element(&selected.column)))).page(),
        })
    };
    shown.iter().filter_map(header).collect()
}

fn pager(address: &Address, limit: u64, found: &Found, total: Total) -> Pager {
    let offset = |at: u64| address.with("offset", (at > 0).then(|| at.to_string())).page();
    let step = |name: &str, step: &Option<Step>| match step {
        Some(Step::Key(key)) => Some(address.with(name, Some(key.clone())).page()),
        Some(Step::Offset(at)) => Some(offset(*at)),
        None => None,
    };
    let rows = found.rows.len() as u64;
    let last = total.number().saturating_sub(1) / limit * limit;
    let mut sizes = SIZES.to_vec();
    if !sizes.contains(&limit) {
        sizes.push(limit);
        sizes.sort_unstable();
    }
    Pager {
        first: found.first,
        until: (found.first + rows).saturating_sub(1),
        beginning: found.before.is_some().then(|| address.at_first().page()),
        previous: step("before", &found.before),
        next: step("after", &found.after),
        end: match (&found.after, found.by_key) {
            (Some(_), true) => Some(address.with("before", Some("end".to_owned())).page()),
            (Some(_), false) if matches!(total, Total::Exactly(_)) => Some(offset(last)),
            _ => None,
        },
        past_end: rows == 0 && found.first > 1,
        last: if found.by_key { address.with("before", Some("end".to_owned())).page() } else { offset(last) },
        count: address.keeping_place("count", Some("exact".to_owned())).page(),
        sizes: sizes
            .into_iter()
            .map(|rows| Size {
                rows,
                path: address.with("limit", (rows != SIZES[0]).then(|| rows.to_string())).page(),
                current: rows == limit,
            })
            .collect(),
    }
}
