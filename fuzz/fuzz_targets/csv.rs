//! Any bytes are rows that can all be taken apart, or a fault with its place.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use loadtool::data::{CsvOptions, Header, Pick, PoolSpec, Pools, Source};

fuzz_target!(|input: (u8, &[u8])| {
    let (bits, bytes) = input;
    let bit = |n: u8| bits >> n & 1 == 1;
    let options = CsvOptions {
        header: if bit(0) { Header::Numbers } else { Header::FirstRow },
        delimiter: if bit(1) { b';' } else { b',' },
        quote: (!bit(2)).then_some(b'"'),
        trim: bit(3),
        comment: bit(4).then_some(b'#'),
        ..CsvOptions::default()
    };
    let mut file = tempfile::NamedTempFile::new().expect("a file for the test");
    file.write_all(bytes).expect("room for the test's file");
    let source = Source::Csv { file: file.path().into(), options };
    let spec = PoolSpec { source, name: None, pick: Pick::Sequential, at_end: None };
    match Pools::default().open(spec) {
        Ok(pool) => {
            for index in 0..pool.len() {
                let row = pool.row(index).expect("every row is there");
                assert_eq!(row.fields().count(), pool.columns().len());
            }
        }
        Err(fault) => assert!(fault.line.is_some() && fault.hint.is_some(), "{fault}"),
    }
});
