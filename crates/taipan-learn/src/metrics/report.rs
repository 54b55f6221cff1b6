//! The classification report, as a table and as text.

use std::fmt;

use ndarray::ArrayView1;

use super::confusion::{check_classes, join};
use super::precision_recall::{Average, ClassCounts, PrecisionRecall, ZeroDivision};
use super::targets::unique;
use crate::error::{Error, Result};

/// Parameters of a [`ClassificationReport`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ReportOptions<'a> {
    labels: Option<&'a [f64]>,
    target_names: Option<&'a [String]>,
    sample_weight: Option<ArrayView1<'a, f64>>,
    digits: Option<usize>,
    zero_division: ZeroDivision,
}

impl<'a> ReportOptions<'a> {
    /// scikit-learn's defaults: all classes, two digits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the classes to report, in order; all present by default.
    #[must_use]
    pub fn labels(mut self, labels: &'a [f64]) -> Self {
        self.labels = Some(labels);
        self
    }

    /// Sets the names to print for the classes.
    #[must_use]
    pub fn target_names(mut self, target_names: &'a [String]) -> Self {
        self.target_names = Some(target_names);
        self
    }

    /// Sets the weight of each sample.
    #[must_use]
    pub fn sample_weight(mut self, sample_weight: ArrayView1<'a, f64>) -> Self {
        self.sample_weight = Some(sample_weight);
        self
    }

    /// Sets the number of digits after the point; 2 by default.
    #[must_use]
    pub fn digits(mut self, digits: usize) -> Self {
        self.digits = Some(digits);
        self
    }

    /// Sets the score where the denominator is 0.
    #[must_use]
    pub fn zero_division(mut self, zero_division: ZeroDivision) -> Self {
        self.zero_division = zero_division;
        self
    }
}

/// Precision, recall, F1 and support of each class, and their averages. `Display` prints what scikit-learn prints.
///
/// ```
/// use ndarray::array;
/// use taipan_learn::metrics::{ClassificationReport, ReportOptions};
///
/// let (y_true, y_pred) = (array![0.0, 1.0, 1.0, 0.0], array![0.0, 1.0, 0.0, 0.0]);
/// let report = ClassificationReport::new(y_true.view(), y_pred.view(), &ReportOptions::new())?;
/// assert_eq!(report.accuracy, Some(0.75));
/// assert!(report.to_string().contains("    accuracy                           0.75         4\n"));
/// # Ok::<(), taipan_learn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ClassificationReport {
    /// One row per class.
    pub classes: Vec<ReportRow>,
    /// Share of correct predictions; none when only some of the classes were asked for.
    pub accuracy: Option<f64>,
    /// From the counts of all classes together.
    pub micro_avg: PrecisionRecall,
    /// The mean over the classes.
    pub macro_avg: PrecisionRecall,
    /// The mean over the classes, weighted by support.
    pub weighted_avg: PrecisionRecall,
    digits: usize,
    as_floats: bool,
}

/// The scores of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportRow {
    /// The class.
    pub label: f64,
    /// Its name.
    pub name: String,
    /// Its scores.
    pub scores: PrecisionRecall,
}

impl ClassificationReport {
    /// Computes the scores.
    ///
    /// # Errors
    /// Those of [`ClassCounts::new`]; `Shape` when there is not one name per class.
    pub fn new(y_true: ArrayView1<'_, f64>, y_pred: ArrayView1<'_, f64>, options: &ReportOptions<'_>) -> Result<Self> {
        /// More digits than a float has.
        const MAX_DIGITS: usize = 1000;

        check_classes(y_true, y_pred, options.sample_weight)?;
        let digits = options.digits.unwrap_or(2);
        if digits > MAX_DIGITS {
            return Err(Error::invalid("ClassificationReport", "digits", digits, format!("at most {MAX_DIGITS}")));
        }
        let present = unique(y_true.iter().chain(y_pred));
        let counts = ClassCounts::new(y_true, y_pred, options.sample_weight, options.labels)?;
        let names = match options.target_names {
            None => counts.labels().iter().map(f64::to_string).collect(),
            Some(names) if names.len() == counts.labels().len() => names.to_vec(),
            Some(names) => {
                let what = format!("target_names does not name the classes {}", join(counts.labels()));
                return Err(Error::shape(what, names.len(), counts.labels().len()));
            }
        };
        let scores = counts.per_class(1.0, options.zero_division);
        let rows = counts.labels().iter().zip(names).zip(scores);
        let average = |average| counts.average(average, 1.0, options.zero_division);
        let micro_avg = average(Average::Micro);
        let all = present.iter().all(|label| counts.labels().contains(label));
        Ok(Self {
            classes: rows.map(|((&label, name), scores)| ReportRow { label, name, scores }).collect(),
            accuracy: all.then_some(micro_avg.fscore),
            micro_avg,
            macro_avg: average(Average::Macro),
            weighted_avg: average(Average::Weighted),
            digits,
            // scikit-learn's counts of classes are floats also where no prediction is right.
            as_floats: options.sample_weight.is_some() || !y_true.iter().zip(y_pred).any(|(a, b)| a == b),
        })
    }
}

impl fmt::Display for ClassificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits;
        let longest = self.classes.iter().map(|row| row.name.chars().count()).max();
        let width = longest.unwrap_or(0).max("weighted avg".len()).max(digits);
        let number = |value: f64| if value.is_nan() { "nan".to_owned() } else { format!("{value:.digits$}") };
        let support = |value: f64| if self.as_floats { python_float(value) } else { format!("{value}") };
        let row = |f: &mut fmt::Formatter<'_>, name: &str, s: &PrecisionRecall| {
            let [p, r, fscore] = [s.precision, s.recall, s.fscore].map(number);
            writeln!(f, "{name:>width$}  {p:>9} {r:>9} {fscore:>9} {:>9}", support(s.support))
        };
        writeln!(f, "{:>width$}  {:>9} {:>9} {:>9} {:>9}\n", "", "precision", "recall", "f1-score", "support")?;
        for class in &self.classes {
            row(f, &class.name, &class.scores)?;
        }
        writeln!(f)?;
        match self.accuracy {
            Some(accuracy) => {
                let total = support(self.micro_avg.support);
                writeln!(f, "{:>width$}  {:>9} {:>9} {:>9} {total:>9}", "accuracy", "", "", number(accuracy))?;
            }
            None => row(f, "micro avg", &self.micro_avg)?,
        }
        row(f, "macro avg", &self.macro_avg)?;
        row(f, "weighted avg", &self.weighted_avg)
    }
}

/// A float as Python prints it: the shortest digits that read back, always with a point or an exponent.
fn python_float(value: f64) -> String {
    if value != 0.0 && !(1e-4..1e16).contains(&value.abs()) {
        let text = format!("{value:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) => {
                let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
                format!("{digits}e{sign}{exponent:0>2}")
            }
            None => text,
        };
    }
    format!("{value:?}")
}

#[cfg(test)]
mod tests {
    use ndarray::aview1;

    use super::*;

    #[test]
    fn weights_print_as_in_python() {
        for (value, text) in [
            (12.0, "12.0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (1e-5, "1e-05"),
            (0.0, "0.0"),
        ] {
            assert_eq!(python_float(value), text);
        }
    }

    #[test]
    fn names_must_fit_the_classes() {
        let names = ["a".to_owned()];
        let options = ReportOptions::new().target_names(&names);
        let y = [0.0, 1.0];
        assert_eq!(
            ClassificationReport::new(aview1(&y), aview1(&y), &options).unwrap_err().to_string(),
            "target_names does not name the classes 0, 1: 1, expected 2"
        );
    }
}
