//! taipan-plot
