//! The mixins that come with Taipan.

use super::{ClassSpec, FieldSpec};
use crate::kind::Kind;
use crate::schema::Preset;

/// `Timestamped`, `Versioned`, `Owned`, `SoftDeleted` and `Audited`. A class of the application that has one of these
/// names takes its place.
pub fn mixins() -> Vec<ClassSpec> {
    let mixin = |name: &str, fields: Vec<FieldSpec>| ClassSpec { fields, ..ClassSpec::new(name).into_abstract() };
    let moment = |name: &str| FieldSpec::new(name, Kind::Timestamp).required().preset(Preset::Now);
    vec![
        mixin("Timestamped", vec![moment("created_at"), moment("updated_at")]),
        mixin("Versioned", vec![FieldSpec::new("version", Kind::Integer).required().preset(Preset::Integer(1))]),
        mixin("Owned", vec![FieldSpec { index: true, ..FieldSpec::new("owner", Kind::Text) }]),
        mixin("SoftDeleted", vec![FieldSpec { index: true, ..FieldSpec::new("deleted_at", Kind::Timestamp) }]),
        mixin("Audited", vec![FieldSpec::new("created_by", Kind::Text), FieldSpec::new("updated_by", Kind::Text)]),
    ]
}
