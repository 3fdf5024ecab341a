//! Flags made from the parameters in the tables of analyses and exporters.

use clap::builder::{PossibleValuesParser, StringValueParser, TypedValueParser as _};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};

use super::Failure;
use crate::form::{Kind, Parameter, Settings};

/// The flags for `parameter`, one of `all`; `note` is put behind its help.
pub(crate) fn flags(parameter: &'static Parameter, all: &'static [Parameter], note: &str) -> Vec<Arg> {
    let mut flags = vec![flag(parameter, all, note)];
    if let Kind::Switch { off } = parameter.kind {
        let help = format!("The opposite of --{}{note}", parameter.name);
        let arg = Arg::new(off).long(off).help_heading("Settings").help(help);
        flags.push(arg.action(ArgAction::SetTrue).conflicts_with(parameter.name));
    }
    flags
}

/// The first of them.
pub(crate) fn flag(parameter: &'static Parameter, all: &'static [Parameter], note: &str) -> Arg {
    let help = format!("{}{note}", parameter.help);
    let arg = Arg::new(parameter.name).long(parameter.name).help_heading("Settings");
    let checked = move |text: String| {
        Settings::defaults(all).set(parameter.name, &text).map(|()| text).map_err(|e| e.to_string())
    };
    let value_name = match parameter.kind {
        Kind::Flag if parameter.default == "false" => return arg.help(help).action(ArgAction::SetTrue),
        Kind::Switch { .. } => return arg.help(help).action(ArgAction::SetTrue),
        Kind::Flag => "true|false",
        Kind::Choice(_) => "CHOICE",
        Kind::Integer { .. } => "N",
        Kind::Number { .. } => "X",
        Kind::Text => "TEXT",
        Kind::File { several: false } => "FILE",
        Kind::File { several: true } => "FILE,…",
    };
    let arg = if parameter.default.is_empty() {
        arg.help(help)
    } else {
        arg.help(format!("{help} [default: {}]", parameter.default))
    };
    // A text may begin with a minus as well: limits of -20..40.
    let arg = arg.value_name(value_name).allow_negative_numbers(true);
    let arg = arg.allow_hyphen_values(parameter.kind == Kind::Text);
    match parameter.kind {
        Kind::Choice(choices) => arg.value_parser(PossibleValuesParser::new(choices.iter().copied())),
        _ => arg.value_parser(StringValueParser::new().try_map(checked)),
    }
}

/// The value that was given for `parameter`, if one was.
pub(crate) fn given(matches: &ArgMatches, parameter: &Parameter) -> Option<String> {
    let is_given = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
    if let Kind::Switch { off } = parameter.kind {
        let on = is_given(parameter.name).then(|| "yes".to_owned());
        return on.or_else(|| is_given(off).then(|| "no".to_owned()));
    }
    if !is_given(parameter.name) {
        return None;
    }
    match parameter.kind {
        Kind::Flag if parameter.default == "false" => Some(matches.get_flag(parameter.name).to_string()),
        _ => matches.get_one::<String>(parameter.name).cloned(),
    }
}

/// The settings that were given, the others at their defaults.
pub(crate) fn settings(matches: &ArgMatches, parameters: &'static [Parameter]) -> Result<Settings, Failure> {
    let mut settings = Settings::defaults(parameters);
    for parameter in parameters {
        if let Some(text) = given(matches, parameter) {
            settings.set(parameter.name, &text).map_err(|e| Failure::Usage(e.to_string()))?;
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    const PARAMETERS: &[Parameter] = &[
        Parameter { name: "window", title: "", help: "W", kind: Kind::Integer { min: 2, max: 9 }, default: "4" },
        Parameter { name: "taper", title: "", help: "T", kind: Kind::Choice(&["hann", "flat-top"]), default: "hann" },
        Parameter { name: "level", title: "", help: "L", kind: Kind::Number { min: -5.0, max: 5.0 }, default: "0" },
        Parameter { name: "slow", title: "", help: "S", kind: Kind::Flag, default: "false" },
        Parameter { name: "grid", title: "", help: "G", kind: Kind::Flag, default: "true" },
        Parameter { name: "label", title: "", help: "X", kind: Kind::Text, default: "" },
        Parameter { name: "look", title: "", help: "B", kind: Kind::Switch { off: "no-look" }, default: "auto" },
        Parameter { name: "probe", title: "", help: "F", kind: Kind::File { several: true }, default: "" },
    ];

    fn parse(args: &[&str]) -> Result<Settings, String> {
        let mut command = Command::new("test").no_binary_name(true);
        for parameter in PARAMETERS {
            command = command.args(flags(parameter, PARAMETERS, ""));
        }
        let matches = command.try_get_matches_from(args).map_err(|e| e.to_string())?;
        settings(&matches, PARAMETERS).map_err(|_failure| "settings".to_owned())
    }

    #[test]
    fn flags_become_settings() {
        let settings = parse(&[]).unwrap();
        assert_eq!((settings.integer("window"), settings.text("taper"), settings.flag("grid")), (4, "hann", true));
        let args =
            ["--window", "9", "--taper=flat-top", "--level", "-2.5", "--slow", "--grid", "false", "--label", "a b"];
        let settings = parse(&args).unwrap();
        assert_eq!((settings.integer("window"), settings.text("taper")), (9, "flat-top"));
        assert_eq!((settings.number("level"), settings.flag("slow")), (-2.5, true));
        assert_eq!((settings.flag("grid"), settings.text("label")), (false, "a b"));
        for (args, look) in [(&[][..], None), (&["--look"], Some(true)), (&["--no-look"], Some(false))] {
            assert_eq!(parse(args).unwrap().switch("look"), look);
        }
        assert!(parse(&["--look", "--no-look"]).unwrap_err().contains("cannot be used with"));
        let settings = parse(&["--probe", "a.yml, b.json"]).unwrap();
        assert_eq!(settings.files("probe"), ["a.yml", "b.json"].map(std::path::PathBuf::from));
        for (args, hint) in [
            (["--window", "10"], "from 2 to 9"),
            (["--taper", "kaiser"], "flat-top"),
            (["--level", "x"], "number"),
            (["--grid", "maybe"], "true or false"),
        ] {
            assert!(parse(&args).unwrap_err().contains(hint), "{args:?}");
        }
    }
}
