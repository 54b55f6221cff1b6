//! A graph of operators under construction, and its file.

use super::message::Message;

/// Operators of the default domain, as of this version.
const OPERATORS: i64 = 21;
/// Operators of classical learning; this version brought trees of doubles.
const ML_OPERATORS: i64 = 5;
const ML: &str = "ai.onnx.ml";
/// The version of the file format that knows both.
const FORMAT: i64 = 10;

/// What a tensor holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// 64-bit floats.
    Numbers,
    /// 64-bit integers.
    Integers,
    /// UTF-8 texts.
    Texts,
}

impl Type {
    fn code(self) -> i64 {
        match self {
            Self::Numbers => DOUBLE,
            Self::Integers => INT64,
            Self::Texts => 8,
        }
    }
}

const FLOAT: i64 = 1;
const UINT8: i64 = 2;
const INT64: i64 = 7;
const DOUBLE: i64 = 11;

/// A tensor of a graph: an input, a constant, or what an operator gives. Rows first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor(String);

/// A value of an operator's attribute.
pub(crate) enum Setting {
    Integer(i64),
    Integers(Vec<i64>),
    Texts(Vec<String>),
    Numbers(Vec<f64>),
    Bytes(Vec<u8>),
}

/// A graph of operators: inputs are declared, operators added, outputs named, and [`encode`](Self::encode) gives the
/// bytes of an ONNX file.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    nodes: Vec<Message>,
    constants: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
    properties: Vec<Message>,
    names: usize,
}

impl Graph {
    /// A graph of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares an input of one row per sample and so many columns.
    pub fn input(&mut self, name: &str, of: Type, columns: usize) -> Tensor {
        self.inputs.push(declared(name, of, Some(columns)));
        Tensor(name.to_owned())
    }

    /// Gives a tensor to the world under a name: of so many columns, or of one value per row without any.
    pub fn output(&mut self, name: &str, tensor: &Tensor, of: Type, columns: Option<usize>) {
        let node = Message::new().text(1, &tensor.0).text(2, name).text(4, "Identity");
        self.nodes.push(node);
        self.outputs.push(declared(name, of, columns));
    }

    /// Says something of the model to whoever looks for this key.
    pub fn property(&mut self, key: &str, value: &str) {
        self.properties.push(Message::new().text(1, key).text(2, value));
    }

    /// A constant of numbers.
    pub fn numbers(&mut self, shape: &[usize], values: impl IntoIterator<Item = f64>) -> Tensor {
        let bytes: Vec<u8> = values.into_iter().flat_map(f64::to_le_bytes).collect();
        self.constant(shape, DOUBLE, |tensor| tensor.bytes(9, &bytes))
    }

    /// A constant of integers.
    pub fn integers(&mut self, shape: &[usize], values: impl IntoIterator<Item = i64>) -> Tensor {
        let bytes: Vec<u8> = values.into_iter().flat_map(i64::to_le_bytes).collect();
        self.constant(shape, INT64, |tensor| tensor.bytes(9, &bytes))
    }

    /// A constant of texts.
    pub fn texts<'a>(&mut self, values: impl ExactSizeIterator<Item = &'a str>) -> Tensor {
        self.constant(&[values.len()], Type::Texts.code(), |tensor| {
            tensor.each(values, |tensor, text| tensor.text(6, text))
        })
    }

    /// What an operator of the default domain gives.
    pub(crate) fn apply(&mut self, operator: &str, inputs: &[&Tensor], settings: Vec<(&str, Setting)>) -> Tensor {
        self.operator("", operator, inputs, settings)
    }

    /// What an operator of classical learning gives.
    pub(crate) fn apply_ml(&mut self, operator: &str, inputs: &[&Tensor], settings: Vec<(&str, Setting)>) -> Tensor {
        self.operator(ML, operator, inputs, settings)
    }

    /// What an operator of two tensors gives.
    pub(crate) fn with(&mut self, operator: &str, left: &Tensor, right: &Tensor) -> Tensor {
        self.apply(operator, &[left, right], vec![])
    }

    /// The same values as 64-bit floats.
    pub fn as_numbers(&mut self, tensor: &Tensor) -> Tensor {
        self.apply("Cast", &[tensor], vec![("to", Setting::Integer(DOUBLE))])
    }

    /// The same values as 64-bit integers, what follows the point cut off.
    pub fn as_integers(&mut self, tensor: &Tensor) -> Tensor {
        self.apply("Cast", &[tensor], vec![("to", Setting::Integer(INT64))])
    }

    /// The same numbers, each as near as a 32-bit float comes.
    pub(crate) fn rounded(&mut self, tensor: &Tensor) -> Tensor {
        let single = self.apply("Cast", &[tensor], vec![("to", Setting::Integer(FLOAT))]);
        self.as_numbers(&single)
    }

    /// Some columns of a tensor.
    pub fn columns(&mut self, tensor: &Tensor, columns: &[usize]) -> Tensor {
        let columns = self.integers(&[columns.len()], columns.iter().map(|column| *column as i64));
        self.apply("Gather", &[tensor, &columns], vec![("axis", Setting::Integer(1))])
    }

    /// Tensors of the same rows side by side.
    pub fn beside(&mut self, tensors: &[Tensor]) -> Tensor {
        match tensors {
            [one] => one.clone(),
            many => self.apply("Concat", &many.iter().collect::<Vec<_>>(), vec![("axis", Setting::Integer(1))]),
        }
    }

    /// A tensor of one column as one value per row.
    pub fn flat(&mut self, tensor: &Tensor) -> Tensor {
        let axis = self.integers(&[1], [1]);
        self.with("Squeeze", tensor, &axis)
    }

    /// For each row the value that stands at its place among these; `places` holds one integer per row.
    pub fn chosen(&mut self, among: &Tensor, places: &Tensor) -> Tensor {
        self.apply("Gather", &[among, places], vec![("axis", Setting::Integer(0))])
    }

    /// The place of each text among known ones, -1 for any other.
    pub fn places(&mut self, texts: &Tensor, known: &[String]) -> Tensor {
        let places = Setting::Integers((0..known.len() as i64).collect());
        let settings = vec![
            ("keys_strings", Setting::Texts(known.to_vec())),
            ("values_int64s", places),
            ("default_int64", Setting::Integer(-1)),
        ];
        self.apply_ml("LabelEncoder", &[texts], settings)
    }

    /// Where a tensor of one column equals each of some integers: one column of 0 and 1 for each.
    pub fn indicators(&mut self, places: &Tensor, of: std::ops::Range<usize>) -> Tensor {
        let known = self.integers(&[1, of.len()], of.map(|place| place as i64));
        let equal = self.with("Equal", places, &known);
        self.as_numbers(&equal)
    }

    /// The first tensor where the condition holds, elsewhere the second.
    pub(crate) fn choice(&mut self, condition: &Tensor, first: &Tensor, second: &Tensor) -> Tensor {
        self.apply("Where", &[condition, first, second], vec![])
    }

    /// Integers as numbers, with NaN in place of -1.
    pub fn or_missing(&mut self, places: &Tensor) -> Tensor {
        let (zero, missing) = (self.integers(&[1], [0]), self.numbers(&[1], [f64::NAN]));
        let unknown = self.with("Less", places, &zero);
        let places = self.as_numbers(places);
        self.choice(&unknown, &missing, &places)
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let nested = |field| move |message: Message, part: &Message| message.nested(field, part);
        let graph = Message::new()
            .each(&self.nodes, nested(1))
            .text(2, "taipan")
            .each(&self.constants, nested(5))
            .each(&self.inputs, nested(11))
            .each(&self.outputs, nested(12));
        let operators = |domain: &str, version| Message::new().text(1, domain).integer(2, version);
        Message::new()
            .integer(1, FORMAT)
            .text(2, "taipan")
            .text(3, env!("CARGO_PKG_VERSION"))
            .nested(7, &graph)
            .nested(8, &operators("", OPERATORS))
            .nested(8, &operators(ML, ML_OPERATORS))
            .each(&self.properties, nested(14))
            .into_bytes()
    }

    fn name(&mut self) -> String {
        self.names += 1;
        // No column of a file is called so: names of inputs and outputs stay free.
        format!("/{}", self.names)
    }

    fn constant(&mut self, shape: &[usize], code: i64, values: impl FnOnce(Message) -> Message) -> Tensor {
        let name = self.name();
        self.constants.push(values(tensor(shape, code)).text(8, &name));
        Tensor(name)
    }

    fn operator(&mut self, domain: &str, operator: &str, inputs: &[&Tensor], settings: Vec<(&str, Setting)>) -> Tensor {
        let name = self.name();
        let node = Message::new()
            .each(inputs, |node, input| node.text(1, &input.0))
            .text(2, &name)
            .text(4, operator)
            .each(settings, |node, (name, value)| node.nested(5, &value.named(name)))
            .text(7, domain);
        self.nodes.push(node);
        Tensor(name)
    }
}

impl Setting {
    /// An attribute of this name.
    fn named(self, name: &str) -> Message {
        let attribute = Message::new().text(1, name);
        let raw = |code, length: usize, bytes: &[u8]| tensor(&[length], code).bytes(9, bytes);
        match self {
            Self::Integer(value) => attribute.integer(3, value).integer(20, 2),
            Self::Integers(values) => {
                attribute.each(values, |attribute, value| attribute.integer(8, value)).integer(20, 7)
            }
            Self::Texts(values) => attribute.each(&values, |attribute, value| attribute.text(9, value)).integer(20, 8),
            Self::Numbers(values) => {
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                attribute.nested(5, &raw(DOUBLE, values.len(), &bytes)).integer(20, 4)
            }
            Self::Bytes(values) => attribute.nested(5, &raw(UINT8, values.len(), &values)).integer(20, 4),
        }
    }
}

fn tensor(shape: &[usize], code: i64) -> Message {
    Message::new().each(shape, |tensor, length| tensor.integer(1, *length as i64)).integer(2, code)
}

/// An input or an output: its name, its type, its shape, of which the number of rows is free.
fn declared(name: &str, of: Type, columns: Option<usize>) -> Message {
    let rows = Message::new().text(2, "rows");
    let columns = columns.map(|columns| Message::new().integer(1, columns as i64));
    let shape = Message::new().nested(1, &rows).each(&columns, |shape, columns| shape.nested(1, columns));
    let kind = Message::new().integer(1, of.code()).nested(2, &shape);
    Message::new().text(1, name).nested(2, &Message::new().nested(1, &kind))
}
