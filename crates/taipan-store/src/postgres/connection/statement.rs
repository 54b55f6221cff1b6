//! What is asked, a statement with its parameters, and what comes of it, rows of cells.

/// A value of a statement: its type and its text.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::postgres) struct Param {
    pub(in crate::postgres) oid: u32,
    pub(in crate::postgres) text: Option<Vec<u8>>,
    /// Whether the text is the value's binary form, as for bytes.
    pub(in crate::postgres) is_binary: bool,
}

/// A statement to run.
pub(in crate::postgres) struct Statement<'a> {
    pub(in crate::postgres) sql: &'a str,
    pub(in crate::postgres) params: Vec<Param>,
    /// Whether the rows come as text instead of binary.
    pub(in crate::postgres) as_text: bool,
}

/// A row of an answer.
#[derive(Clone, Copy)]
pub(in crate::postgres) struct Row<'a>(pub(super) &'a [u8]);

impl<'a> Statement<'a> {
    pub(in crate::postgres) fn new(sql: &'a str) -> Self {
        Statement { sql, params: Vec::new(), as_text: false }
    }

    pub(in crate::postgres) fn with(sql: &'a str, params: Vec<Param>) -> Self {
        Statement { sql, params, as_text: false }
    }
}

impl Param {
    pub(in crate::postgres) const TEXT: u32 = 25;

    pub(in crate::postgres) fn text(text: impl Into<String>) -> Self {
        Param { oid: Param::TEXT, text: Some(text.into().into_bytes()), is_binary: false }
    }

    pub(in crate::postgres) fn integer(value: i64) -> Self {
        Param { oid: 20, text: Some(value.to_string().into_bytes()), is_binary: false }
    }

    pub(in crate::postgres) fn bytes(bytes: &[u8]) -> Self {
        Param { oid: 17, text: Some(bytes.to_vec()), is_binary: true }
    }
}

impl<'a> Row<'a> {
    /// The cells in order; none for a null.
    pub(in crate::postgres) fn cells(self) -> Cells<'a> {
        Cells(self.0.get(2..).unwrap_or_default())
    }

    /// A cell as text.
    pub(in crate::postgres) fn text(self, index: usize) -> Option<String> {
        let cell = self.cells().nth(index).flatten()?;
        Some(String::from_utf8_lossy(cell).into_owned())
    }

    /// A cell as an integer that came in binary, of whatever width.
    pub(in crate::postgres) fn integer(self, index: usize) -> Option<i64> {
        match self.cells().nth(index).flatten()? {
            [byte] => Some(i64::from(*byte)),
            two if two.len() == 2 => Some(i64::from(i16::from_be_bytes(two.try_into().ok()?))),
            four if four.len() == 4 => Some(i64::from(i32::from_be_bytes(four.try_into().ok()?))),
            eight => Some(i64::from_be_bytes(eight.try_into().ok()?)),
        }
    }
}

/// The cells of a row.
pub(in crate::postgres) struct Cells<'a>(&'a [u8]);

impl<'a> Iterator for Cells<'a> {
    type Item = Option<&'a [u8]>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let length = i32::from_be_bytes(*length);
        let Ok(length) = usize::try_from(length) else {
            self.0 = rest;
            return Some(None);
        };
        let (cell, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Some(cell))
    }
}
