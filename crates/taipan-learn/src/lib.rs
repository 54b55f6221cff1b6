//! taipan-learn
