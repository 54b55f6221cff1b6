//! Scores against the number of training rows, or against one parameter.

use super::evaluate::check_data;
use super::search::scorings;
use super::{Cv, Evaluation, FoldScore, Split, Splits};
use crate::error::{Error, Result};
use crate::estimator::{Estimator, Training};
use crate::metrics::Scoring;
use crate::param::ParamValue;
use crate::random::RandomState;

/// How many of the training rows to use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TrainSize {
    /// A share of them, above 0 and at most 1, rounded down, at least one.
    Fraction(f64),
    /// A number of them.
    Count(usize),
}

/// Scores at several sizes of the training data.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LearningCurve {
    /// Numbers of training rows, ascending, each once.
    pub train_sizes: Vec<usize>,
    /// For each size the score on the training rows of each split.
    pub train_scores: Vec<Vec<Option<f64>>>,
    /// For each size the score on the test rows of each split.
    pub test_scores: Vec<Vec<Option<f64>>>,
}

/// Scores at several values of a parameter.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ValidationCurve {
    /// For each value the score on the training rows of each split.
    pub train_scores: Vec<Vec<Option<f64>>>,
    /// For each value the score on the test rows of each split.
    pub test_scores: Vec<Vec<Option<f64>>>,
}

/// Scores an estimator trained on more and more rows: high training and low test scores that draw near each other call
/// for more data, those that stay low together for another model. With a seed in `shuffle`, rows are taken at random;
/// else those that come first.
///
/// # Errors
/// `InvalidParam` when a size is not among 1 to the training rows of the first split; those of the fits and scores.
pub fn learning_curve(
    estimator: &dyn Estimator,
    data: &Training<'_>,
    train_sizes: &[TrainSize],
    cv: impl Into<Cv>,
    scoring: Option<Scoring>,
    shuffle: Option<u32>,
) -> Result<LearningCurve> {
    estimator.check_params()?;
    check_data(estimator, data)?;
    let mut splits: Vec<Split> = cv.into().splits(estimator.kind(), data)?.iter().collect();
    let most = splits.first().map_or(0, |split| split.train.len());
    let train_sizes = absolute(train_sizes, most)?;
    if let Some(seed) = shuffle {
        let mut random = RandomState::new(seed);
        for split in &mut splits {
            random.shuffle(&mut split.train);
        }
    }
    let shortened: Splits = train_sizes
        .iter()
        .flat_map(|&size| {
            splits.iter().map(move |split| Split {
                train: split.train[..size.min(split.train.len())].to_vec(),
                test: split.test.clone(),
            })
        })
        .collect();
    let mut evaluation = Evaluation::new(data, scorings(scoring.as_slice(), estimator)?);
    evaluation.train_score = true;
    let results = evaluation.run(&[estimator.clone_box()], &shortened)?;
    let scores = results.into_iter().flatten().collect::<Result<Vec<_>>>()?;
    let (train_scores, test_scores) = scores.chunks(splits.len().max(1)).map(both).unzip();
    Ok(LearningCurve { train_sizes, train_scores, test_scores })
}

/// Scores an estimator at each value of one parameter: where training scores rise and test scores fall, it overfits.
///
/// # Errors
/// `UnknownParam` or `InvalidParam` for a name or value that the estimator does not take; those of the fits and scores.
pub fn validation_curve(
    estimator: &dyn Estimator,
    data: &Training<'_>,
    param_name: &str,
    param_range: &[ParamValue],
    cv: impl Into<Cv>,
    scoring: Option<Scoring>,
) -> Result<ValidationCurve> {
    let with = |value: &ParamValue| {
        let mut candidate = estimator.clone_box();
        candidate.set_param(param_name, value.clone())?;
        candidate.check_params()?;
        Ok(candidate)
    };
    let candidates = param_range.iter().map(with).collect::<Result<Vec<_>>>()?;
    check_data(estimator, data)?;
    let splits = cv.into().splits(estimator.kind(), data)?;
    let mut evaluation = Evaluation::new(data, scorings(scoring.as_slice(), estimator)?);
    evaluation.train_score = true;
    let results = evaluation.run(&candidates, &splits)?;
    let scores = results.into_iter().map(|row| row.into_iter().collect()).collect::<Result<Vec<Vec<_>>>>()?;
    let (train_scores, test_scores) = scores.iter().map(|row| both(row)).unzip();
    Ok(ValidationCurve { train_scores, test_scores })
}

/// Training and test scores of the only scoring.
fn both(scores: &[FoldScore]) -> (Vec<Option<f64>>, Vec<Option<f64>>) {
    let first = |scores: &Vec<Option<f64>>| scores.first().copied().flatten();
    (scores.iter().map(|fold| first(&fold.train)).collect(), scores.iter().map(|fold| first(&fold.test)).collect())
}

/// Numbers of rows, ascending, each once.
fn absolute(sizes: &[TrainSize], most: usize) -> Result<Vec<usize>> {
    let mut rows = sizes
        .iter()
        .map(|size| match *size {
            TrainSize::Fraction(share) if share > 0.0 && share <= 1.0 => {
                Ok(((share * most as f64) as usize).clamp(1, most))
            }
            TrainSize::Count(count) if count > 0 && count <= most => Ok(count),
            TrainSize::Fraction(share) => {
                Err(Error::invalid("learning_curve", "train_sizes", share, "a fraction above 0 and at most 1"))
            }
            TrainSize::Count(count) => {
                let allowed = format!("a count from 1 to the rows of the first split, {most}");
                Err(Error::invalid("learning_curve", "train_sizes", count, allowed))
            }
        })
        .collect::<Result<Vec<usize>>>()?;
    rows.sort_unstable();
    rows.dedup();
    if rows.is_empty() {
        return Err(Error::invalid("learning_curve", "train_sizes", "[]", "at least one size"));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_sorted_and_checked() {
        use TrainSize::{Count, Fraction};
        assert_eq!(absolute(&[Fraction(1.0), Fraction(0.001), Count(7), Fraction(0.75)], 10).unwrap(), [1, 7, 10]);
        for (size, allowed) in [
            (Fraction(0.0), "0 is not allowed; it must be a fraction above 0 and at most 1"),
            (Count(11), "11 is not allowed; it must be a count from 1 to the rows of the first split, 10"),
        ] {
            let text = absolute(&[size], 10).unwrap_err().to_string();
            assert_eq!(text, format!("learning_curve: train_sizes = {allowed}"));
        }
    }
}
