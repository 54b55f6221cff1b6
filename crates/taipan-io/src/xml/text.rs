//! Text between markup: where it ends, and its line ends.

use super::chars::ends_text;

/// Gives out text with its line ends as line feeds, unless it comes from an entity, whose line ends were read before.
pub(super) fn lines(text: &str, raw: bool, mut give: impl FnMut(&str)) {
    let mut rest = text;
    while !raw && let Some((line, behind)) = rest.split_once('\r') {
        if !line.is_empty() {
            give(line);
        }
        give("\n");
        rest = behind.strip_prefix('\n').unwrap_or(behind);
    }
    if !rest.is_empty() {
        give(rest);
    }
}

/// Where text may end from an offset on: at `<`, `&`, `]` or a return.
#[inline]
pub(super) fn text_end(bytes: &[u8], at: usize) -> usize {
    // Most text is short.
    let near = bytes.get(at..).unwrap_or_default();
    for (i, byte) in near.iter().take(24).enumerate() {
        if ends_text(*byte) {
            return at + i;
        }
    }
    let mut end = (at + 24).min(bytes.len());
    while end < bytes.len() {
        let chunk = crate::scan::chunk(bytes, end);
        let mask = [b'<', b'&', b']', b'\r'].iter().fold(0, |mask, byte| mask | crate::scan::equal(&chunk, *byte));
        if mask != 0 {
            return end + mask.trailing_zeros() as usize;
        }
        end = (end + 64).min(bytes.len());
    }
    end
}

/// The same, byte by byte.
pub(super) fn plain_text_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|byte| ends_text(*byte)).map_or(bytes.len(), |i| at + i)
}
