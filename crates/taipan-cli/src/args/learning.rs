//! Arguments of the commands that learn and of those that use what was learnt.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Printing, pair};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan train houses.csv --estimator LinearRegression --target Price --test-size 0.2 --random-state 42 -o prices.model
  taipan train iris.csv --estimator RandomForestClassifier --target species --param max_depth=3 -o iris.model
  taipan train iris.csv --estimator PCA --param n_components=2 --exclude species -o pca.model
  taipan train \"SELECT total_bill, size, tip FROM 'tips.csv'\" --estimator Ridge --param alpha=0.5 --target tip --cv 5")]
pub(crate) struct Train {
    #[command(flatten)]
    pub(crate) learning: Learning,
    /// Fraction of the rows kept for testing; 0 trains on every row [default: 0.25, or 0 without a target]
    #[arg(long, value_name = "FRACTION", value_parser = fraction)]
    pub(crate) test_size: Option<f64>,
    /// Also score by cross-validation with so many folds
    #[arg(long, value_name = "FOLDS")]
    pub(crate) cv: Option<usize>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Report::Text)]
    pub(crate) format: Report,
    /// Write the model to a file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// What to learn from what.
#[derive(Debug, Args)]
pub(crate) struct Learning {
    /// A file, a query, or a table of the database
    pub(crate) source: String,
    /// The estimator, named as in scikit-learn; 'taipan estimators' lists them
    #[arg(long, value_name = "NAME")]
    pub(crate) estimator: String,
    /// The column to predict
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// A column to leave out; may be repeated
    #[arg(long, value_name = "COLUMN")]
    pub(crate) exclude: Vec<String>,
    /// A parameter of the estimator; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) params: Vec<(String, String)>,
    /// Seed of the split, and of the estimator
    #[arg(long, value_name = "SEED")]
    pub(crate) random_state: Option<u32>,
    /// The score to judge by, named as in scikit-learn [default: accuracy or r2]
    #[arg(long, value_name = "NAME")]
    pub(crate) scoring: Option<String>,
    /// The database whose tables may be named
    #[arg(long, value_name = "DATABASE")]
    pub(crate) db: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan search iris.csv --estimator RandomForestClassifier --target species \\
    --grid n_estimators=50,100,200 --grid max_depth=3,5,7 --cv 5 --random-state 42 -o best.model
  taipan search tips.csv --estimator Ridge --target tip --grid alpha=0.01,0.1,1,10 --scoring neg_mean_absolute_error")]
pub(crate) struct Search {
    #[command(flatten)]
    pub(crate) learning: Learning,
    /// Values of a parameter to try; may be repeated, and then all combinations are tried
    #[arg(long, value_name = "NAME=VALUE,…", value_parser = pair, required = true)]
    pub(crate) grid: Vec<(String, String)>,
    /// Try only so many of the combinations, drawn at random
    #[arg(long, value_name = "N")]
    pub(crate) n_iter: Option<usize>,
    /// Folds of the cross-validation that judges
    #[arg(long, value_name = "FOLDS", default_value_t = 5)]
    pub(crate) cv: usize,
    /// Fraction of the rows kept out of the search for testing
    #[arg(long, value_name = "FRACTION", default_value_t = 0.0, value_parser = fraction)]
    pub(crate) test_size: f64,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Report::Text)]
    pub(crate) format: Report,
    /// Write the best model, fitted to all rows, to a file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan evaluate iris.model iris.csv
  taipan evaluate prices.model \"SELECT * FROM 'houses.csv' WHERE Area > 3000\" --format json")]
pub(crate) struct Evaluate {
    /// A file that 'taipan train' wrote
    pub(crate) model: PathBuf,
    /// A file, a query, or a table of the database, with the model's columns and its target
    pub(crate) source: String,
    /// The database whose tables may be named
    #[arg(long, value_name = "DATABASE")]
    pub(crate) db: Option<String>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Report::Text)]
    pub(crate) format: Report,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan transform pca.model iris.csv -o iris-pc.csv")]
pub(crate) struct Transform {
    /// A file that 'taipan train' wrote
    pub(crate) model: PathBuf,
    /// A file, a query, or a table of the database, with the model's columns
    pub(crate) source: String,
    /// The database whose tables may be named
    #[arg(long, value_name = "DATABASE")]
    pub(crate) db: Option<String>,
    #[command(flatten)]
    pub(crate) printing: Printing,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan estimators
  taipan estimators RandomForestClassifier")]
pub(crate) struct Estimators {
    /// Show this one's parameters
    pub(crate) name: Option<String>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Report::Text)]
    pub(crate) format: Report,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan export iris.model
  taipan export prices.model -o prices.onnx

The file has one input per column, of shape rows x 1: 64-bit floats, or texts. It gives 'prediction', for classes
'probabilities' too, or 'transformed'.")]
pub(crate) struct Export {
    /// A file that 'taipan train' wrote
    pub(crate) model: PathBuf,
    /// Where to write; beside the model unless given
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Report {
    /// For people
    #[value(alias = "table")]
    Text,
    /// For programs
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taipan predict prices.model new.csv
  taipan predict iris.model new.csv --proba -o named.csv")]
pub(crate) struct Predict {
    /// A file that 'taipan train' wrote
    pub(crate) model: PathBuf,
    /// A file, a query, or a table of the database, with the model's columns
    pub(crate) source: String,
    /// Also give the probability of each class, in columns named proba_CLASS
    #[arg(long)]
    pub(crate) proba: bool,
    /// The database whose tables may be named
    #[arg(long, value_name = "DATABASE")]
    pub(crate) db: Option<String>,
    #[command(flatten)]
    pub(crate) printing: Printing,
}

fn fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..1.0).contains(&value) => Ok(value),
        _ => Err("expected a number from 0 to below 1".to_owned()),
    }
}
