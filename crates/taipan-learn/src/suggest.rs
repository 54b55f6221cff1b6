//! "Did you mean …?": the known name most like a mistyped one.

/// The name among `known` that `name` was probably meant to be, if any is close enough.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    /// Below this Jaro-Winkler similarity a suggestion confuses more than it helps.
    const CLOSE: f64 = 0.75;

    let name = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            let similarity = strsim::jaro_winkler(&name, &candidate.to_lowercase());
            (similarity, candidate)
        })
        .filter(|(similarity, _)| *similarity >= CLOSE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_likely_name_and_nothing_for_nonsense() {
        let known = ["DummyRegressor", "LinearRegression", "Ridge"];
        for (typed, meant) in [
            ("LinearRegresion", Some("LinearRegression")),
            ("linear_regression", Some("LinearRegression")),
            ("linear", Some("LinearRegression")),
            ("ridge", Some("Ridge")),
            ("Rigde", Some("Ridge")),
            ("dummy", Some("DummyRegressor")),
            ("xyz", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known).as_deref(), meant, "{typed}");
        }
    }
}
