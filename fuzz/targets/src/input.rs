//! Bytes taken from the front, for the targets whose input is no text.

/// What is left of an input; what is taken beyond its end is zero.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    pub(crate) fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// Splits a text at its first `N - 1` separators; a field that is not there is empty.
pub(crate) fn fields<const N: usize>(text: &str, separator: char) -> [&str; N] {
    let mut fields = [""; N];
    for (field, said) in fields.iter_mut().zip(text.splitn(N, separator)) {
        *field = said;
    }
    fields
}
