//! taipan-query
