//! taipan-store
