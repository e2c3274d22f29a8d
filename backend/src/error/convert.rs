//! One conversion for each floor below.
