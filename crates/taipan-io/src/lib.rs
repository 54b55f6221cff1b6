//! taipan-io
