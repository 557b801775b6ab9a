//! Any bytes are rows that can all be taken apart, as the `csv` crate does it in one go, or a fault
//! with its place.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use loadtool::data::{CsvOptions, Field, Header, Pick, PoolSpec, Pools, Row, Source};

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
    let mut plain = csv::ReaderBuilder::new()
        .has_headers(!bit(0))
        .flexible(true)
        .delimiter(options.delimiter)
        .quoting(!bit(2))
        .comment(options.comment)
        .trim(if bit(3) { csv::Trim::Fields } else { csv::Trim::None })
        .from_reader(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let source = Source::Csv { file: file.path().into(), options };
    let spec = PoolSpec { source, name: None, pick: Pick::Sequential, at_end: None };
    match Pools::default().open(spec) {
        Ok(pool) => {
            for (index, want) in (0..pool.len()).zip(plain.records()) {
                let Some(Row::Record(row)) = pool.row(index) else { panic!("every row is there") };
                let want = want.expect("what was checked is UTF-8");
                let fields = row.fields().map(|(_, field)| match field {
                    Field::Text(text) => text.into_owned(),
                    other => panic!("no type was asked for: {other:?}"),
                });
                assert_eq!(fields.collect::<Vec<_>>(), want.iter().collect::<Vec<_>>());
            }
        }
        Err(fault) => assert!(fault.line.is_some() && fault.hint.is_some(), "{fault}"),
    }
});
