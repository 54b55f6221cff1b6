//! The kinds of plots, by name.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};
use crate::text;

/// What kind of marks stand for the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// One point for each row; x and y are numbers. From 100,000 rows on, cells coloured by the rows within.
    Scatter,
    /// One line for each colour, in order of x; rows that share x and colour are averaged, with the 95 % confidence
    /// interval of the mean as a band.
    Line,
    /// One bar for each category of x: the mean of y with its 95 % confidence interval, or the number of rows where
    /// there is no y.
    Bar,
    /// The number of rows in each range of x; colours are stacked.
    Histogram,
    /// The density of x, estimated with a Gaussian kernel; colours lie over one another.
    Density,
    /// Quartiles of y for each category of x, whiskers to 1.5 times their distance, and the rows beyond as points.
    Box,
    /// The density of y for each category of x, with its quartiles.
    Violin,
    /// One point for each row, spread within the category of x.
    Strip,
    /// A cell for each pair of x and y: the mean of colour, or the number of rows.
    Heatmap,
    /// Pearson's correlation of each pair of columns.
    Correlation,
    /// A scatter for each pair of columns, and their histograms.
    Pair,
    /// A scatter with the histograms of x and y at its rims.
    Joint,
    /// What a straight line leaves unexplained of y, against x; of a model: what it misses, against what it predicts.
    Residuals,
    /// How many rows of each class a model predicts to be of which.
    Confusion,
    /// True against false positives of a classifier.
    Roc,
    /// Precision against recall of a classifier.
    PrecisionRecall,
    /// How much each feature counts in a model.
    Importance,
    /// The splits of a decision tree.
    Tree,
    /// The first two principal components, the variance that each explains, and the features' loadings.
    Pca,
    /// What a model predicts across two features.
    Boundary,
    /// Scores against the number of rows learnt from.
    LearningCurve,
    /// Scores against the value of a parameter.
    ValidationCurve,
}

impl Kind {
    /// Every kind, those of tables first.
    pub const ALL: [Self; 22] = [
        Self::Scatter,
        Self::Line,
        Self::Bar,
        Self::Histogram,
        Self::Density,
        Self::Box,
        Self::Violin,
        Self::Strip,
        Self::Heatmap,
        Self::Correlation,
        Self::Pair,
        Self::Joint,
        Self::Residuals,
        Self::Confusion,
        Self::Roc,
        Self::PrecisionRecall,
        Self::Importance,
        Self::Tree,
        Self::Pca,
        Self::Boundary,
        Self::LearningCurve,
        Self::ValidationCurve,
    ];

    /// The name by which [`FromStr`] knows this kind.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scatter => "scatter",
            Self::Line => "line",
            Self::Bar => "bar",
            Self::Histogram => "histogram",
            Self::Density => "density",
            Self::Box => "box",
            Self::Violin => "violin",
            Self::Strip => "strip",
            Self::Heatmap => "heatmap",
            Self::Correlation => "correlation",
            Self::Pair => "pair",
            Self::Joint => "joint",
            Self::Residuals => "residuals",
            Self::Confusion => "confusion",
            Self::Roc => "roc",
            Self::PrecisionRecall => "precision-recall",
            Self::Importance => "importance",
            Self::Tree => "tree",
            Self::Pca => "pca",
            Self::Boundary => "boundary",
            Self::LearningCurve => "learning-curve",
            Self::ValidationCurve => "validation-curve",
        }
    }

    /// The names of all kinds.
    pub fn names() -> &'static [&'static str] {
        const NAMES: [&str; Kind::ALL.len()] = {
            let mut names = [""; Kind::ALL.len()];
            let mut i = 0;
            while i < names.len() {
                names[i] = Kind::ALL[i].name();
                i += 1;
            }
            names
        };
        &NAMES
    }

    /// Whether it is drawn of a model alone; see [`crate::model`].
    pub fn is_of_model(self) -> bool {
        matches!(
            self,
            Self::Confusion
                | Self::Roc
                | Self::PrecisionRecall
                | Self::Importance
                | Self::Tree
                | Self::Pca
                | Self::Boundary
                | Self::LearningCurve
                | Self::ValidationCurve
        )
    }

    /// What it is called in a sentence.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Scatter => "Scatter plot",
            Self::Line => "Line plot",
            Self::Bar => "Bar chart",
            Self::Histogram => "Histogram",
            Self::Density => "Density",
            Self::Box => "Box plot",
            Self::Violin => "Violin plot",
            Self::Strip => "Strip plot",
            Self::Heatmap => "Heatmap",
            Self::Correlation => "Correlation matrix",
            Self::Pair => "Pair plot",
            Self::Joint => "Joint plot",
            Self::Residuals => "Residuals",
            Self::Confusion => "Confusion matrix",
            Self::Roc => "ROC curve",
            Self::PrecisionRecall => "Precision-recall curve",
            Self::Importance => "Feature importance",
            Self::Tree => "Decision tree",
            Self::Pca => "Principal components",
            Self::Boundary => "Decision boundary",
            Self::LearningCurve => "Learning curve",
            Self::ValidationCurve => "Validation curve",
        }
    }

    /// The fields without which it cannot be drawn.
    pub(crate) fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Scatter | Self::Line | Self::Joint | Self::Residuals | Self::Heatmap => &["x", "y"],
            Self::Bar | Self::Histogram | Self::Density => &["x"],
            Self::Box | Self::Violin | Self::Strip => &["y"],
            Self::Correlation | Self::Pair => &["column"],
            _ => &[],
        }
    }

    /// Whether it has a use for a field.
    pub(crate) fn uses(self, field: &str) -> bool {
        let many = matches!(self, Self::Correlation | Self::Pair);
        match field {
            "x" => !many,
            "y" => !many && !matches!(self, Self::Histogram | Self::Density),
            "color" => self != Self::Correlation,
            "size" => self == Self::Scatter,
            "style" => matches!(self, Self::Scatter | Self::Line),
            "facet" => !many && self != Self::Joint,
            _ => many,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = Error;

    /// Reads a kind by its name, in upper or lower case, with `-` or `_`.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownKind`] with the nearest name.
    fn from_str(name: &str) -> Result<Self> {
        let wanted = name.trim().to_lowercase().replace('_', "-");
        if let Some(kind) = Self::ALL.into_iter().find(|k| k.name() == wanted) {
            return Ok(kind);
        }
        let likeness = |kind: &Self| strsim::jaro_winkler(&wanted, kind.name());
        let nearest = Self::ALL.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let nearest = nearest.filter(|kind| likeness(kind) > 0.72);
        Err(ErrorKind::UnknownKind { name: text::clip(name, 1.0, 40.0).into_owned(), nearest }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_read_by_name_or_suggest_the_nearest() {
        for name in Kind::names() {
            assert_eq!(name.parse::<Kind>().unwrap().name(), *name);
        }
        assert_eq!(" Scatter ".parse::<Kind>().unwrap(), Kind::Scatter);
        assert_eq!("learning_curve".parse::<Kind>().unwrap(), Kind::LearningCurve);
        let cases = [
            ("scater", "unknown plot kind \"scater\"; did you mean \"scatter\"?"),
            ("scatterplot", "unknown plot kind \"scatterplot\"; did you mean \"scatter\"?"),
            ("hist", "unknown plot kind \"hist\"; did you mean \"histogram\"?"),
            ("lines", "unknown plot kind \"lines\"; did you mean \"line\"?"),
            ("violins", "unknown plot kind \"violins\"; did you mean \"violin\"?"),
            (
                "xyz",
                "unknown plot kind \"xyz\"; known kinds: scatter, line, bar, histogram, density, box, violin, strip, heatmap, correlation, pair, joint, residuals, confusion, roc, precision-recall, importance, tree, pca, boundary, learning-curve, validation-curve",
            ),
        ];
        for (name, message) in cases {
            assert_eq!(name.parse::<Kind>().unwrap_err().to_string(), message);
        }
    }
}
