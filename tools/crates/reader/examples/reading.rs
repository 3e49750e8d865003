//! How fast files are read: `cargo run --release -p verbatim-reader --example reading -- FILE…`
//!
//! Every way of reading takes its turn in each round, so that they share the noise of the
//! machine; the fastest and the median of the rounds are printed.

use std::fs::File;
use std::io::{BufRead, Read};
use std::time::Instant;

use verbatim_reader::{decompress, Archive};

const ROUNDS: usize = 5;

fn drain(mut reader: impl Read) -> std::io::Result<u64> {
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0;
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(total),
            n => total += n as u64,
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args().skip(1) {
        let open = || File::open(&path);
        let plain = || Ok(drain(decompress(open()?))?);
        let ahead = || Ok(drain(decompress(open()?).read_ahead())?);
        let two = || Ok(drain(decompress(open()?).threads(2))?);
        let walk = || {
            let mut archive = Archive::open_file(open()?);
            let mut entries = 0;
            while archive.next_entry()?.is_some() {
                entries += 1;
            }
            Ok(entries)
        };
        let contents = || {
            let mut archive = Archive::open(open()?);
            let mut total = 0;
            while let Some(mut entry) = archive.next_entry()? {
                loop {
                    let n = entry.fill_buf()?.len();
                    if n == 0 {
                        break;
                    }
                    entry.consume(n);
                    total += n as u64;
                }
            }
            Ok(total)
        };
        type Way<'a> = &'a dyn Fn() -> Result<u64, Box<dyn std::error::Error>>;
        let ways: [(&str, Way<'_>); 5] = [
            ("decompress", &plain),
            ("decompress on two threads", &two),
            ("decompress ahead", &ahead),
            ("entries only", &walk),
            ("entries and contents", &contents),
        ];
        let mut times = vec![Vec::new(); ways.len()];
        let mut results = vec![0; ways.len()];
        for _ in 0..ROUNDS {
            for (i, (_, way)) in ways.iter().enumerate() {
                let begin = Instant::now();
                results[i] = way()?;
                times[i].push(begin.elapsed().as_secs_f64());
            }
        }
        for (i, (name, _)) in ways.iter().enumerate() {
            times[i].sort_by(f64::total_cmp);
            eprintln!(
                "{path}: {name}: fastest {:.3} s, median {:.3} s ({})",
                times[i][0],
                times[i][ROUNDS / 2],
                results[i]
            );
        }
    }
    Ok(())
}
