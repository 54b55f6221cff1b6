//! Named bytes kept beside the tables, such as trained models.

/// Named bytes kept in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The sort of artifact, such as `model`.
    pub kind: String,
    /// Its name, unique within the kind.
    pub name: String,
    /// What identifies the inputs it was made from.
    pub fingerprint: String,
    /// Its content.
    pub bytes: Vec<u8>,
}
