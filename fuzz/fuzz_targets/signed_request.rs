//! Calls with a good signature and any parameters, several in a row and by several identities: what stands behind the
//! signature never goes down either.
#![no_main]

mod server;
mod signing;
mod words;

use arbitrary::Unstructured;
use libfuzzer_sys::{Corpus, fuzz_target};

use server::Server;
use signing::{Identities, Request};
use words::{Operation, Told};

/// How many calls an input makes.
const CALLS: usize = 12;
const SERVICES: [&str; 7] = ["iam", "iam", "iam", "organizations", "s3", "sns", "sts"];

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let mut input = Unstructured::new(bytes);
    if input.is_empty() {
        return Corpus::Reject;
    }
    server::with(|server| {
        let mut identities = Identities::of(server);
        let mut told = Told::default();
        for id in ["r-cnry", "100000000041", "100000000011", server::LOCKED] {
            told.tell(if id.starts_with("arn") { "arn" } else { "id" }, id);
        }
        for _ in 0..CALLS {
            if input.is_empty() || call(&mut input, server, &mut identities, &mut told).is_err() {
                break;
            }
        }
    });
    Corpus::Keep
});

fn call(
    input: &mut Unstructured<'_>,
    server: &Server,
    identities: &mut Identities,
    told: &mut Told,
) -> arbitrary::Result<()> {
    let operation = Operation::choose(input, &SERVICES)?;
    let request = Request::of(operation, input, told)?;
    let credentials = identities.choose(input)?;
    let presigned = input.ratio(1, 8)?;
    let tampered = input.ratio(1, 32)?;
    if let Some(bytes) = request.signed(server, &credentials, presigned, tampered) {
        let answer = server.ask(&bytes);
        assert!(
            !tampered || answer.status >= 400,
            "{}",
            String::from_utf8_lossy(&bytes)
        );
        told.learn(&answer);
        identities.learn(&answer);
    }
    Ok(())
}
