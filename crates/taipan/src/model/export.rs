//! Models for other programs.

use taipan_learn::onnx::{Answer, Graph, Tensor, Type};
use taipan_learn::{Kind, Model};

use super::answers::Answers;
use super::inputs::{Input, inputs};
use super::predicting::new_names;
use crate::error::Result;

/// The model as an ONNX file, for any program with an ONNX runtime.
///
/// Inputs: one for each column that the model looks at, under its name, of shape rows × 1: 64-bit floats, or texts. A
/// text that the model has not learnt counts as missing. Outputs: `prediction`, one value per row (a float; for classes
/// what they are called), and `probabilities`, one column per class, as 64-bit floats; `transformed` for a transformer,
/// one column per new feature. The estimator, the names of the inputs and of the new features are among the properties.
///
/// Errors: a model that such a file cannot hold, because it draws at random or learnt several targets.
pub fn export_onnx(model: &Model) -> Result<Vec<u8>> {
    let mut graph = Graph::new();
    let columns = inputs(model);
    let encoded: Vec<Tensor> = columns.iter().map(|input| input.declared(&mut graph)).collect();
    let x = graph.beside(&encoded);
    let free = |name: &str| {
        let mut free = name.to_owned();
        while columns.iter().any(|input| input.name == free) {
            free.push('_');
        }
        free
    };
    match model.predictor().onnx(&mut graph, &x)? {
        Answer::Numbers(numbers) if model.unfitted()?.kind() == Kind::Transformer => {
            let names = new_names(model)?;
            graph.output(&free("transformed"), &numbers, Type::Numbers, Some(names.len()));
            graph.property("transformed", &serde_json::to_string(&names).unwrap_or_default());
        }
        Answer::Numbers(numbers) => {
            let prediction = graph.flat(&numbers);
            graph.output(&free("prediction"), &prediction, Type::Numbers, None);
        }
        Answer::Cluster(cluster) => graph.output(&free("prediction"), &cluster, Type::Integers, None),
        Answer::Class { place, probabilities } => {
            let classes = model.classes();
            let (among, of) = match Answers::of(model)? {
                Answers::Label(_) | Answers::Boolean => {
                    let label = |class: &f64| model.labels.get(*class as usize).map_or("", String::as_str);
                    (graph.texts(classes.iter().map(label)), Type::Texts)
                }
                Answers::Whole => {
                    (graph.integers(&[classes.len()], classes.iter().map(|class| *class as i64)), Type::Integers)
                }
                Answers::Number => (graph.numbers(&[classes.len()], classes.iter().copied()), Type::Numbers),
            };
            let prediction = graph.chosen(&among, &place);
            graph.output(&free("prediction"), &prediction, of, None);
            graph.output(&free("probabilities"), &probabilities, Type::Numbers, Some(classes.len()));
        }
        // What a later version of the library may learn to give.
        other => {
            return Err(crate::Error::invalid(format!("{} gives {other:?}, which has no output", model.estimator)));
        }
    }
    graph.property("estimator", &model.estimator);
    let names: Vec<&str> = columns.iter().map(|input| input.name).collect();
    graph.property("inputs", &serde_json::to_string(&names).unwrap_or_default());
    if !model.target.is_empty() {
        graph.property("target", &model.target);
    }
    Ok(graph.encode())
}

impl Input<'_> {
    /// The column as an input of a graph, and what the model makes of it.
    fn declared(&self, graph: &mut Graph) -> Tensor {
        let Some(texts) = self.texts else {
            return graph.input(self.name, Type::Numbers, 1);
        };
        let column = graph.input(self.name, Type::Texts, 1);
        let places = graph.places(&column, texts);
        if self.has_indicators() { graph.indicators(&places, 0..texts.len()) } else { graph.or_missing(&places) }
    }
}
