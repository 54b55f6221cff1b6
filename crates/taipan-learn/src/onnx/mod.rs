//! Models for other programs: fitted estimators as graphs of ONNX operators.
//!
//! A [`Graph`] has inputs; [`Predictor::onnx`](crate::Predictor::onnx) adds what a fitted estimator computes of a matrix
//! of 64-bit floats and gives an [`Answer`], which becomes outputs. Everything is computed in 64-bit floats, so that
//! predictions are those of this library but for the last digits of sums and exponentials. The operators are those of
//! ONNX 1.17 (`ai.onnx` 21, `ai.onnx.ml` 5).
//!
//! ```
//! use ndarray::array;
//! use taipan_learn::onnx::{Answer, Graph, Type};
//! use taipan_learn::{Predictor, Ridge};
//!
//! let model = Ridge::new().fit(array![[1.0], [2.0], [3.0]].view(), array![2.0, 4.0, 6.0].view())?;
//! let mut graph = Graph::new();
//! let x = graph.input("area", Type::Numbers, 1);
//! if let Answer::Numbers(price) = model.onnx(&mut graph, &x)? {
//!     graph.output("price", &price, Type::Numbers, Some(1));
//! }
//! assert!(graph.encode().windows(6).any(|bytes| bytes == b"MatMul"));
//! # Ok::<(), taipan_learn::Error>(())
//! ```
//!
//! | module | content |
//! |---|---|
//! | `graph` | [`Graph`] and its operators |
//! | `message` | the encoding |
//! | `trees` | trees as one operator |
//!
//! Source: the specifications of ONNX, "IR" and "Operators", version 1.17.

mod graph;
mod message;
mod trees;

use ndarray::ArrayView2;

pub use graph::{Graph, Tensor, Type};

pub(crate) use graph::Setting;
pub(crate) use trees::{Leaf, ensemble, sums};

/// What a fitted estimator gives for each row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Numbers, one column per target or per new feature.
    Numbers(Tensor),
    /// The class of a single target.
    Class {
        /// The place of the class among the classes, one integer per row.
        place: Tensor,
        /// One column per class.
        probabilities: Tensor,
    },
    /// The number of a cluster, one integer per row.
    Cluster(Tensor),
}

impl Graph {
    /// `x` times the transposed weights, one row of them per column of the result, plus the intercepts.
    pub(crate) fn weighed(&mut self, x: &Tensor, weights: ArrayView2<'_, f64>, intercepts: &[f64]) -> Tensor {
        let transposed = self.numbers(&[weights.ncols(), weights.nrows()], weights.t().iter().copied());
        let intercepts = self.numbers(&[1, intercepts.len()], intercepts.iter().copied());
        let product = self.with("MatMul", x, &transposed);
        self.with("Add", &product, &intercepts)
    }

    /// Each column and its number: `x OPERATOR numbers`.
    pub(crate) fn by_column(&mut self, operator: &str, x: &Tensor, numbers: &[f64]) -> Tensor {
        let numbers = self.numbers(&[1, numbers.len()], numbers.iter().copied());
        self.with(operator, x, &numbers)
    }

    /// The place of the greatest number of each row, the first of equals.
    pub(crate) fn greatest(&mut self, x: &Tensor) -> Tensor {
        self.apply("ArgMax", &[x], vec![("axis", Setting::Integer(1)), ("keepdims", Setting::Integer(0))])
    }

    /// Shares of one, by exponentials.
    pub(crate) fn softmax(&mut self, x: &Tensor) -> Tensor {
        self.apply("Softmax", &[x], vec![("axis", Setting::Integer(1))])
    }

    /// One column for each of two classes, from the probability of the second.
    pub(crate) fn both(&mut self, second: &Tensor) -> Tensor {
        let one = self.numbers(&[1], [1.0]);
        let first = self.with("Sub", &one, second);
        self.beside(&[first, second.clone()])
    }

    /// Whether the one column is above 0, or not below it, as integers, one per row.
    pub(crate) fn second_of_two(&mut self, operator: &str, column: &Tensor) -> Tensor {
        let zero = self.numbers(&[1], [0.0]);
        let second = self.with(operator, column, &zero);
        let second = self.as_integers(&second);
        self.flat(&second)
    }

    /// These numbers in as many rows as `like` has.
    pub(crate) fn repeated(&mut self, numbers: &[f64], like: &Tensor) -> Tensor {
        let settings = vec![("start", Setting::Integer(0)), ("end", Setting::Integer(1))];
        let rows = self.apply("Shape", &[like], settings);
        let columns = self.integers(&[1], [numbers.len() as i64]);
        let shape = self.apply("Concat", &[&rows, &columns], vec![("axis", Setting::Integer(0))]);
        let numbers = self.numbers(&[1, numbers.len()], numbers.iter().copied());
        self.with("Expand", &numbers, &shape)
    }
}
