//! Where an imported table came from, so that an unchanged file need not be imported again.

/// The source of an imported table, kept in the database beside it and written in the import's own transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file or URL.
    pub source: String,
    /// What identifies the source's content, such as a hash or a size and time.
    pub fingerprint: String,
    /// The rows imported; the store counts them if this is 0.
    pub rows: u64,
    /// When, in RFC 3339; the store sets it if empty.
    pub imported_at: String,
}
