//! Messages of Protocol Buffers, as far as ONNX needs them: fields with a number, varints, lengths.

/// A message that is being written.
#[derive(Debug, Clone, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn integer(mut self, field: u32, value: i64) -> Self {
        self.varint(u64::from(field << 3));
        // Negative numbers take all ten bytes.
        self.varint(value as u64);
        self
    }

    pub(super) fn float(mut self, field: u32, value: f32) -> Self {
        self.varint(u64::from(field << 3 | 5));
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(super) fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.varint(u64::from(field << 3 | 2));
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    pub(super) fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub(super) fn nested(self, field: u32, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    pub(super) fn each<T>(self, values: impl IntoIterator<Item = T>, add: impl Fn(Self, T) -> Self) -> Self {
        values.into_iter().fold(self, add)
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the encoding's own documentation, and the ends of its range.
    #[test]
    fn fields_are_encoded() {
        let cases = [
            (Message::new().integer(1, 150), vec![0x08, 0x96, 0x01]),
            (Message::new().text(2, "testing"), vec![0x12, 7, b't', b'e', b's', b't', b'i', b'n', b'g']),
            (Message::new().nested(3, &Message::new().integer(1, 150)), vec![0x1a, 3, 0x08, 0x96, 0x01]),
            (Message::new().integer(1, -1), [vec![0x08], vec![0xff; 9], vec![1]].concat()),
            (Message::new().float(20, 1.0), vec![0xa5, 0x01, 0, 0, 0x80, 0x3f]),
        ];
        for (message, expected) in cases {
            assert_eq!(message.into_bytes(), expected);
        }
    }
}
