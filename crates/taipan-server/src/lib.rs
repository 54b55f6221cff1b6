//! taipan-server
