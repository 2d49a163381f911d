// RSigma's turn: rules-compare-rsigma DIR SECONDS bucketed|all. DIR has events.ndjson, buckets.json and the rule files;
// see compare.ts. Says one line of JSON, then the matches, "event rule-id" a line.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::time::Instant;

use rsigma_eval::Engine;
use rsigma_eval::event::JsonEvent;
use rsigma_parser::parse_sigma_yaml;
use serde_json::Value;

/// Processor time of this thread where the system tells it, else time on the wall.
fn seconds(since: &Instant) -> f64 {
    fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok())
        .map_or_else(|| since.elapsed().as_secs_f64(), |ns| ns / 1e9)
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let dir = &args[1];
    let limit: f64 = args[2].parse().expect("seconds");
    let bucketed = args[3] == "bucketed";
    let since = Instant::now();

    let buckets: Value = serde_json::from_str(&fs::read_to_string(format!("{dir}/buckets.json")).unwrap()).unwrap();
    let files: Vec<&str> = buckets["files"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
    let mut failed = 0;
    let texts: HashMap<&str, String> =
        files.iter().map(|f| (*f, fs::read_to_string(format!("{dir}/rules/{f}")).unwrap())).collect();
    let mut engine_of = |names: &[&str], count: bool| {
        let mut engine = Engine::new();
        let mut rules = Vec::new();
        for name in names {
            match parse_sigma_yaml(&texts[name]) {
                Ok(found) if found.errors.is_empty() => rules.extend(found.rules),
                _ if count => failed += 1,
                _ => {}
            }
        }
        let errors = engine.add_rules(&rules);
        if count {
            failed += errors.len();
        }
        engine
    };
    let load = seconds(&since);
    let whole = engine_of(&files, true);
    let load = seconds(&since) - load;
    let engines: Vec<Engine> = if bucketed {
        buckets["buckets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|list| {
                let names: Vec<&str> = list.as_array().unwrap().iter().map(|i| files[i.as_u64().unwrap() as usize]).collect();
                engine_of(&names, false)
            })
            .collect()
    } else {
        Vec::new()
    };

    let events: Vec<(usize, Value)> = fs::read_to_string(format!("{dir}/events.ndjson"))
        .unwrap()
        .lines()
        .map(|line| {
            let mut one: Value = serde_json::from_str(line).unwrap();
            (one["bucket"].as_u64().unwrap() as usize, one["event"].take())
        })
        .collect();

    let mut best = f64::INFINITY;
    let mut matches: Vec<(usize, String)> = Vec::new();
    let mut done = events.len();
    let begun = seconds(&since);
    for round in 0..4 {
        matches.clear();
        let start = seconds(&since);
        for (i, (bucket, event)) in events[..done].iter().enumerate() {
            let engine = if bucketed { &engines[*bucket] } else { &whole };
            for found in engine.evaluate(&JsonEvent::borrow(event)) {
                matches.push((i, found.header.rule_id.clone().unwrap_or_default()));
            }
            if round == 0 && i % 64 == 63 && seconds(&since) - start > limit {
                done = i + 1;
                break;
            }
        }
        best = best.min(seconds(&since) - start);
        if seconds(&since) - begun > limit * 3.0 {
            break;
        }
    }
    let mut out = std::io::stdout().lock();
    let loaded = whole.rule_count();
    writeln!(
        out,
        "{{\"loaded\":{loaded},\"failed\":{failed},\"loadMs\":{},\"events\":{done},\"seconds\":{best}}}",
        (load * 1000.0) as u64
    )
    .unwrap();
    for (event, rule) in matches {
        writeln!(out, "{event} {rule}").unwrap();
    }
}
