//! The options of filters, which every command has that reads samples: one for each row of [`FILTERS`], applied in the
//! order in which they stand on the command line.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::Failure;
use crate::filter::{Chain, FILTERS, Filter, Step};
use crate::recording::SampleType;

const HEADING: &str = "Filters, applied in the order given";
const CAUSAL: &str = "causal";
const OUTPUT: &str = "sample-format";
const CHAIN: &str = "filter";

/// `command` with the options of filters.
pub(crate) fn flags(mut command: Command) -> Command {
    for filter in FILTERS {
        command = command.arg(flag(filter));
    }
    command
        .arg(
            Arg::new(CHAIN)
                .long(CHAIN)
                .value_name("CHAIN")
                .action(ArgAction::Append)
                .help("Filters as text, as --json tells them: 'high-pass=300,order=2; rectify'")
                .help_heading(HEADING),
        )
        .arg(
            Arg::new(CAUSAL)
                .long(CAUSAL)
                .action(ArgAction::SetTrue)
                .help("Filter forward only, instead of forward and backward (zero phase)")
                .help_heading(HEADING),
        )
        .arg(
            Arg::new(OUTPUT)
                .long(OUTPUT)
                .value_name("TYPE")
                .value_parser(PossibleValuesParser::new(["f32", "f64"]))
                .help("Type of the filtered samples [default: f32]")
                .help_heading(HEADING),
        )
        .mut_arg("order", |arg| {
            arg.help(
                "How frames lie in the file, interleaved or planar (for .npy, planar means channels × frames); or a \
                 number, the order of the filters [default: 4]",
            )
        })
}

fn flag(filter: &'static Filter) -> Arg {
    let arg = Arg::new(filter.name).long(filter.name).action(ArgAction::Append).help(filter.help).help_heading(HEADING);
    if filter.value_name.is_empty() {
        arg.num_args(0).default_missing_value("")
    } else if filter.needs_value {
        arg.value_name(filter.value_name).allow_negative_numbers(true)
    } else {
        arg.value_name(filter.value_name).num_args(0..=1).require_equals(true).default_missing_value("")
    }
}

/// What stands below the help of `longwave filter`: the settings that follow a value.
pub(crate) fn help() -> String {
    let mut text = "Filters are forward and backward (zero phase) unless --causal is given, begin anew behind every gap, look beyond the borders \
                    of --range, and give \
                    32-bit floats. Settings follow the value:\n"
        .to_owned();
    for filter in FILTERS {
        let settings: Vec<String> = filter
            .parameters
            .iter()
            .skip(1)
            .map(|p| format!("{}={}", p.name, if p.default.is_empty() { "…" } else { p.default }))
            .collect();
        if !settings.is_empty() {
            text += &format!("  {:<15} {}\n", filter.name, settings.join(","));
        }
    }
    text + "\nExamples:\n  longwave filter day.rec --band-pass 300..6000 --reference cmr -o spikes.npy\n  \
            longwave filter day.rec --decimate 1kHz --low-pass 300,order=2 --notch 50,harmonics=5 -o lfp.npy\n  \
            longwave stats day.rec --high-pass 300 --causal --order 2"
}

/// The filters that were asked for; `order` is the one of those that do not tell their own.
pub(crate) fn chain(matches: &ArgMatches, order: Option<u64>) -> Result<Chain, Failure> {
    let usage = |e: crate::Error| Failure::Usage(e.to_string());
    // Where each stands on the command line, what it is called, and its value.
    let mut given: Vec<(usize, &str, &String)> = Vec::new();
    for name in FILTERS.iter().map(|f| f.name).chain([CHAIN]) {
        let places = matches.indices_of(name).into_iter().flatten();
        let values = matches.get_many::<String>(name).into_iter().flatten();
        given.extend(places.zip(values).map(|(place, value)| (place, name, value)));
    }
    given.sort_unstable_by_key(|(place, ..)| *place);
    let causal = matches.get_flag(CAUSAL);
    let mut chain = Chain::default();
    if matches.get_one::<String>(OUTPUT).is_some_and(|t| t == "f64") {
        chain.output = SampleType::F64;
    }
    let mut orders = false;
    for (_, name, value) in given {
        let steps = if name == CHAIN {
            Chain::parse(value).map_err(usage)?.steps
        } else {
            vec![Step::named(name, value).map_err(usage)?]
        };
        for mut step in steps {
            let told = |key: &str| value.contains(&format!("{key}="));
            if let Some(order) = order
                && step.has("order")
            {
                orders = true;
                if !told("order") {
                    step.set("order", &order.to_string()).map_err(usage)?;
                }
            }
            if causal && step.has("phase") && !told("phase") {
                step.set("phase", "causal").map_err(usage)?;
            }
            if causal && step.filter.name == "envelope" {
                return Err(Failure::Usage("an envelope looks ahead: it cannot be --causal".to_owned()));
            }
            chain = chain.then(step).map_err(usage)?;
        }
    }
    if let Some(order) = order.filter(|_| !orders) {
        return Err(Failure::Usage(format!("--order {order} has no filter that it could be the order of")));
    }
    let lonely = [(causal, CAUSAL), (matches.contains_id(OUTPUT), OUTPUT)].into_iter().find(|(given, _)| *given);
    if let Some((_, flag)) = lonely.filter(|_| chain.is_empty()) {
        return Err(Failure::Usage(format!("--{flag} is about filters, and none is given")));
    }
    Ok(chain)
}
