//! Numbers and words: whether some bytes are one, most of them told without a branch for each byte.

/// A text without the blanks behind it.
#[inline]
pub(super) fn trimmed(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let [rest @ .., b' ' | b'\t' | b'\n' | b'\r'] = text {
        text = rest;
    }
    text
}

/// Whether the first bytes, so many of them, are a number or a word, and blanks.
#[inline]
pub(super) fn is_scalar(bytes: &[u8], length: usize) -> bool {
    // A short integer, which most numbers are, without a branch for each digit.
    if let Some(eight) = bytes.first_chunk::<8>()
        && length <= 8
    {
        let word = u64::from_le_bytes(*eight);
        let negative = word as u8 == b'-';
        let digits = if negative { word >> 8 } else { word };
        let count = length - usize::from(negative);
        if leading_digits(digits) >= count && count > 0 {
            return count == 1 || digits as u8 != b'0';
        }
    }
    let text = trimmed(bytes.get(..length).unwrap_or_default());
    match text.first() {
        Some(b't') => text == b"true",
        Some(b'f') => text == b"false",
        Some(b'n') => text == b"null",
        _ => is_number(text),
    }
}

/// How many of eight bytes, from the first on, are digits.
#[inline]
fn leading_digits(word: u64) -> usize {
    const SEVENS: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    let digits = word ^ 0x3030_3030_3030_3030;
    // A byte above nine gets its highest bit, and no byte carries into the next.
    let others = (((digits & SEVENS) + 0x7676_7676_7676_7676) | digits) & !SEVENS;
    others.trailing_zeros() as usize / 8
}

/// The grammar of numbers.
fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text.first() == Some(&b'0')) {
        return false;
    }
    let mut rest = text.get(whole..).unwrap_or_default();
    if let [b'.', fraction @ ..] = rest {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = fraction.get(length..).unwrap_or_default();
    }
    match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] => {
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
        _ => false,
    }
}
