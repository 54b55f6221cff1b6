//! robots.txt as RFC 9309 reads it: the group of our name, else of `*`; the longest rule that matches decides.

use std::time::Duration;

/// More of a file than this is not looked at, as the RFC allows.
pub(super) const MOST: u64 = 512 << 10;

/// A site cannot ask for longer pauses than this.
const LONGEST_DELAY: Duration = Duration::from_mins(1);

/// What a site asks of us.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Robots {
    rules: Vec<Rule>,
    /// The pause between requests that `Crawl-delay` asks for, which is no part of the RFC.
    pub(super) delay: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    allow: bool,
    pattern: String,
}

impl Robots {
    /// A site without wishes.
    pub(super) fn none() -> Self {
        Self { rules: Vec::new(), delay: None }
    }

    /// A site that could not be asked.
    pub(super) fn closed() -> Self {
        Self { rules: vec![Rule { allow: false, pattern: "/".to_owned() }], delay: None }
    }

    /// Reads a file for the product that a user agent names first.
    pub(super) fn parse(text: &str, user_agent: &str) -> Self {
        let product = user_agent.split(['/', ' ']).next().unwrap_or_default().to_ascii_lowercase();
        let (mut ours, mut anyones) = (Self::none(), Self::none());
        let mut is_named = false;
        // Whom the lines are for, and whether the group's rules have begun.
        let (mut for_us, mut for_anyone, mut in_rules) = (false, false, true);
        for line in text.trim_start_matches('\u{feff}').lines() {
            let line = line.split('#').next().unwrap_or_default();
            let Some((key, value)) = line.split_once(':') else { continue };
            let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
            if key == "user-agent" {
                if in_rules {
                    (for_us, for_anyone, in_rules) = (false, false, false);
                }
                for_anyone |= value == "*";
                for_us |= !product.is_empty() && value.to_ascii_lowercase() == product;
                is_named |= for_us;
                continue;
            }
            if !matches!(key.as_str(), "allow" | "disallow" | "crawl-delay") {
                continue;
            }
            in_rules = true;
            for (group, applies) in [(&mut ours, for_us), (&mut anyones, for_anyone)] {
                if applies {
                    group.add(&key, value);
                }
            }
        }
        if is_named { ours } else { anyones }
    }

    /// Whether a path, with its query, may be fetched.
    pub(super) fn allows(&self, path: &str) -> bool {
        let matching = self.rules.iter().filter(|rule| matches(&rule.pattern, path));
        // The longest decides; of two as long, the one that allows.
        matching.max_by_key(|rule| (rule.pattern.len(), rule.allow)).is_none_or(|rule| rule.allow)
    }

    fn add(&mut self, key: &str, value: &str) {
        match key {
            "crawl-delay" => {
                let seconds = value.parse::<f64>().ok().filter(|seconds| *seconds >= 0.0);
                self.delay =
                    seconds.map(|s| Duration::from_secs_f64(s.min(LONGEST_DELAY.as_secs_f64()))).or(self.delay);
            }
            // An empty rule rules nothing.
            _ if value.is_empty() => {}
            _ => self.rules.push(Rule { allow: key == "allow", pattern: value.to_owned() }),
        }
    }
}

/// Whether a path begins as the pattern says, in which `*` is anything and `$` at the end the end.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, to_end) = match pattern.strip_suffix('$') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut parts = pattern.split('*');
    let Some(mut rest) = path.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return !to_end || rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() && to_end {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let cases = [
            ("/", "/x", true),
            ("/fish", "/fish.html", true),
            ("/fish", "/Fish", false),
            ("/fish/", "/fish", false),
            ("/*.php", "/a/b.php?x", true),
            ("/*.php$", "/a/b.php?x", false),
            ("/*.php$", "/a.php.php", true),
            ("/fish*.php", "/fishheads/catfish.php", true),
            ("/a*b*c$", "/axbxbxc", true),
            ("/a$", "/ab", false),
            ("/a$", "/a", true),
            ("/a**b", "/ab", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn groups_and_rules() {
        let text = "\
            \u{feff}# a comment\nUser-agent: *\nDisallow: /\n\n\
            User-Agent: other\nuser-agent: Taipan # ours\nDisallow: /private\nAllow: /private/open\nCrawl-delay: 0.5\n\
            Sitemap: https://example.org/s.xml\n\
            User-agent: third\nDisallow: /\n";
        let robots = Robots::parse(text, "taipan/1.0");
        for (path, expected) in [("/", true), ("/private", false), ("/private/open", true), ("/x?private", true)] {
            assert_eq!(robots.allows(path), expected, "{path}");
        }
        assert_eq!(robots.delay, Some(Duration::from_millis(500)));
        assert!(!Robots::parse(text, "unknown").allows("/x"));
        assert!(Robots::parse("", "taipan").allows("/x"));
        assert!(Robots::parse("User-agent: taipan\nDisallow:\n\nUser-agent: *\nDisallow: /", "taipan").allows("/x"));
        let same = Robots::parse("User-agent: *\nDisallow: /a\nAllow: /a", "taipan");
        assert!(same.allows("/a"));
        assert!(!Robots::closed().allows("/x"));
        assert_eq!(Robots::parse("User-agent: *\nCrawl-delay: 1e9", "t").delay, Some(LONGEST_DELAY));
    }
}
