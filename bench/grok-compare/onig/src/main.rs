// Answers, for each line `FILE<TAB>MILLISECONDS` on standard input, how many lines a second the onig crate reads.
// FILE: the expanded expression, the captures in order of their groups as `NAME:TYPE NAME:TYPE ...`, then the log lines.
// The answer is `lines/s<TAB>matches<TAB>captures of the first line`, or `error<TAB>words`.

use onig::{Regex, RegexOptions, Region, SearchOptions, Syntax};
use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

#[allow(dead_code)]
enum Value {
    Text(String),
    Int(i64),
    Float(f64),
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Int,
    Float,
}

struct Case {
    regex: Regex,
    groups: Vec<(String, Kind)>,
    lines: Vec<String>,
}

fn read(file: &str) -> Result<Case, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let mut rows = text.lines();
    let pattern = rows.next().unwrap_or_default();
    // as grok runs Oniguruma: `.` matches a newline
    let options = RegexOptions::REGEX_OPTION_MULTILINE;
    let regex = Regex::with_options(pattern, options, Syntax::ruby()).map_err(|error| error.to_string())?;
    let groups = rows
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .map(|group| {
            let (name, kind) = group.rsplit_once(':').unwrap_or((group, ""));
            let kind = match kind {
                "int" => Kind::Int,
                "float" => Kind::Float,
                _ => Kind::Text,
            };
            (name.to_owned(), kind)
        })
        .collect();
    Ok(Case { regex, groups, lines: rows.map(str::to_owned).collect() })
}

/// A map of typed captures; empty ones are left out, and a field that comes twice keeps its last.
fn captures<'a>(case: &'a Case, region: &mut Region, line: &str) -> Option<HashMap<&'a str, Value>> {
    case.regex.search_with_options(line, 0, line.len(), SearchOptions::SEARCH_OPTION_NONE, Some(region))?;
    let mut event = HashMap::with_capacity(case.groups.len());
    for (i, (name, kind)) in case.groups.iter().enumerate() {
        let Some((from, to)) = region.pos(i + 1) else { continue };
        if from == to {
            continue;
        }
        let text = &line[from..to];
        let value = match kind {
            Kind::Text => Value::Text(text.to_owned()),
            Kind::Int => text.parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Int),
            Kind::Float => text.parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Float),
        };
        event.insert(name.as_str(), value);
    }
    Some(event)
}

/// Whole passes over the lines until the time is up; the rate is over all of them.
fn measure(case: &Case, time: Duration, sink: &mut usize) -> String {
    let mut region = Region::new();
    let matches = case.lines.iter().filter(|line| captures(case, &mut region, line).is_some()).count();
    let first = captures(case, &mut region, &case.lines[0]).map_or(0, |event| event.len());
    let mut lines = 0;
    let start = Instant::now();
    while start.elapsed() < time {
        for line in &case.lines {
            if let Some(event) = captures(case, &mut region, line) {
                *sink += event.len();
            }
        }
        lines += case.lines.len();
    }
    format!("{}\t{matches}\t{first}", lines as f64 / start.elapsed().as_secs_f64())
}

fn main() {
    let mut cases: HashMap<String, Result<Case, String>> = HashMap::new();
    let mut sink = 0;
    for request in std::io::stdin().lock().lines() {
        let request = request.expect("standard input is text");
        let (file, ms) = request.split_once('\t').expect("FILE<TAB>MILLISECONDS");
        let time = Duration::from_millis(ms.parse().expect("milliseconds"));
        let answer = match cases.entry(file.to_owned()).or_insert_with(|| read(file)) {
            Ok(case) => measure(case, time, &mut sink),
            Err(words) => format!("error\t{}", words.replace('\n', " ")),
        };
        println!("{answer}");
        std::io::stdout().flush().expect("standard output is open");
    }
    eprintln!("onig: {sink} captures");
}
