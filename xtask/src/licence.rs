//! Reads SPDX licence expressions.

/// Says whether `expression` can be fulfilled with licences from `allowed` alone.
///
/// An exception counts as a licence of its own: `Apache-2.0 WITH LLVM-exception` must be allowed
/// in these words.
///
/// # Errors
///
/// Where `expression` is not an SPDX expression; `/`, as in old manifests, means `OR`.
pub(crate) fn permits(allowed: &[&str], expression: &str) -> Result<bool, String> {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut reader = Reader {
        allowed,
        words: &words,
    };
    match reader.alternatives() {
        Some(answer) if reader.words.is_empty() => Ok(answer),
        _ => Err(format!("'{expression}' is not a licence expression")),
    }
}

/// What is left to be read.
struct Reader<'a> {
    allowed: &'a [&'a str],
    words: &'a [&'a str],
}

impl Reader<'_> {
    fn alternatives(&mut self) -> Option<bool> {
        let mut any = self.conjunction()?;
        while self.skip("OR") {
            any |= self.conjunction()?;
        }
        Some(any)
    }

    fn conjunction(&mut self) -> Option<bool> {
        let mut all = self.single()?;
        while self.skip("AND") {
            all &= self.single()?;
        }
        Some(all)
    }

    fn single(&mut self) -> Option<bool> {
        if self.skip("(") {
            let inner = self.alternatives()?;
            return self.skip(")").then_some(inner);
        }
        let mut licence = self.word()?.to_owned();
        if self.skip("WITH") {
            licence = format!("{licence} WITH {}", self.word()?);
        }
        Some(self.allowed.contains(&licence.as_str()))
    }

    fn word(&mut self) -> Option<&str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        (!["(", ")", "AND", "OR", "WITH"].contains(first)).then_some(first)
    }

    fn skip(&mut self, word: &str) -> bool {
        match self.words.split_first() {
            Some((first, rest)) if *first == word => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: &[&str] = &["MIT", "Apache-2.0", "Unicode-3.0"];

    #[test]
    fn one_allowed_alternative_is_enough() {
        for expression in [
            "MIT",
            "GPL-3.0-only OR MIT",
            "MIT/GPL-2.0",
            "(MIT OR GPL-3.0-only) AND Unicode-3.0",
            "LGPL-2.1-or-later OR Apache-2.0 OR MIT",
            "GPL-3.0-only AND BSL-1.0 OR MIT",
        ] {
            assert_eq!(permits(ALLOWED, expression), Ok(true), "{expression}");
        }
    }

    #[test]
    fn every_part_of_a_conjunction_is_needed() {
        for expression in [
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "(MIT OR Apache-2.0) AND OpenSSL",
            "Apache-2.0 WITH LLVM-exception",
            "mit",
        ] {
            assert_eq!(permits(ALLOWED, expression), Ok(false), "{expression}");
        }
        let with = ["Apache-2.0 WITH LLVM-exception"];
        assert_eq!(permits(&with, "Apache-2.0 WITH LLVM-exception"), Ok(true));
        assert_eq!(permits(&with, "Apache-2.0"), Ok(false));
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        for expression in [
            "", "MIT OR", "OR MIT", "(MIT", "MIT)", "MIT MIT", "MIT WITH", "()",
        ] {
            assert!(permits(ALLOWED, expression).is_err(), "{expression}");
        }
    }
}
