//! taipan-web
