//! Names that lead somewhere; one in eight is made up by the fuzzer.

use arbitrary::{Arbitrary, Unstructured};

const WORDS: &str = include_str!("../words.txt");

#[derive(Debug)]
pub struct Word<'a>(pub &'a str);

impl<'a> Arbitrary<'a> for Word<'a> {
    fn arbitrary(input: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        if input.ratio(7, 8)? {
            let words: Vec<&str> = WORDS.lines().collect();
            return input.choose(&words).map(|word| Self(word));
        }
        input.arbitrary().map(Self)
    }
}
