//! Scores by name, in order.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Named scores, in the order in which they were set. A score may be undefined (R² of a single row).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scores(Vec<(String, Option<f64>)>);

impl Scores {
    /// Sets a score, replacing one of the same name. A value that is not finite counts as undefined.
    pub fn set(&mut self, name: &str, score: impl Into<Option<f64>>) {
        let score = score.into().filter(|score| score.is_finite());
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = score,
            None => self.0.push((name.to_owned(), score)),
        }
    }

    /// The score of that name, if it was set and is defined.
    pub fn get(&self, name: &str) -> Option<f64> {
        let (_, score) = self.0.iter().find(|(known, _)| known == name)?;
        *score
    }

    /// Names and scores, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Option<f64>)> {
        self.0.iter().map(|(name, score)| (name.as_str(), *score))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Scores {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Scores {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScoresVisitor;

        impl<'de> Visitor<'de> for ScoresVisitor {
            type Value = Scores;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from names to scores")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scores, A::Error> {
                let mut scores = Scores::default();
                let mut seen = std::collections::HashSet::new();
                while let Some((name, score)) = map.next_entry::<String, Option<f64>>()? {
                    if !seen.insert(name.clone()) {
                        return Err(A::Error::custom(format!("the score '{name}' is there twice")));
                    }
                    scores.0.push((name, score));
                }
                Ok(scores)
            }
        }

        deserializer.deserialize_map(ScoresVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_keep_their_order_through_json() {
        let mut scores = Scores::default();
        scores.set("r2_train", 0.9);
        scores.set("r2", None);
        scores.set("mae", f64::NAN);
        scores.set("r2_train", 0.1 + 0.2);
        let json = serde_json::to_string(&scores).unwrap();
        assert_eq!(json, r#"{"r2_train":0.30000000000000004,"r2":null,"mae":null}"#);
        assert_eq!(serde_json::from_str::<Scores>(&json).unwrap(), scores);
        assert!(serde_json::from_str::<Scores>(r#"{"a":1,"a":2}"#).is_err());
    }
}
