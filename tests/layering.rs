//! Data flows one way: `lib.rs` lists the modules in the order of the flow, and a module names only modules above it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a test module may name besides: it may build what it tests from anything.
const TEST_MODULES: [&str; 2] = ["#[cfg(test)]\nmod tests {", "#[cfg(test)]\npub(crate) mod tests {"];

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// The program text of `source`: comments and the contents of strings become spaces, line breaks stay.
fn code(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut i = 0;
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    while i < chars.len() {
        let c = chars[i];
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && chars[i] != '\n' {
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            let mut depth = 0;
            while i < chars.len() {
                match (chars[i], at(i + 1)) {
                    ('/', '*') => (depth, i) = (depth + 1, i + 2),
                    ('*', '/') => (depth, i) = (depth - 1, i + 2),
                    (c, _) => {
                        out.push(blank(c));
                        i += 1;
                    }
                }
                if depth == 0 {
                    break;
                }
            }
        } else if c == 'r' && (at(i + 1) == '"' || (at(i + 1) == '#' && matches!(at(i + 2), '#' | '"'))) {
            let hashes = chars[i + 1..].iter().take_while(|&&c| c == '#').count();
            let end: String = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            i += hashes + 2;
            while i < chars.len() && !chars[i..].iter().take(hashes + 1).copied().eq(end.chars()) {
                out.push(blank(chars[i]));
                i += 1;
            }
            i += hashes + 1;
        } else if c == '"' {
            i += 1;
            while i < chars.len() && chars[i] != '"' {
                let step = if chars[i] == '\\' { 2 } else { 1 };
                out.extend(chars[i..].iter().take(step).map(|&c| blank(c)));
                i += step;
            }
            i += 1;
        } else if c == '\'' && (at(i + 1) == '\\' || at(i + 2) == '\'') {
            // A character literal; otherwise it is a lifetime.
            i += if at(i + 1) == '\\' { 3 } else { 2 };
            while i < chars.len() && chars[i] != '\'' {
                i += 1;
            }
            i += 1;
        } else {
            out.push(c);
            i += 1;
        }
    }
    out
}

/// Words and punctuation; `::` is one token.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            tokens.push(std::mem::take(&mut word));
        }
        if c == ':' && chars.peek() == Some(&':') {
            chars.next();
            tokens.push("::".to_owned());
        } else if !c.is_whitespace() {
            tokens.push(c.to_string());
        }
    }
    if !word.is_empty() {
        tokens.push(word);
    }
    tokens
}

/// The first names behind a path's root: `crate::a::b` gives `a`; `crate::{a::b, c::{d, e}}` gives `a` and `c`.
fn names_behind(tokens: &[String], mut i: usize, out: &mut BTreeSet<String>) {
    let Some(token) = tokens.get(i) else { return };
    if token != "{" {
        out.insert(token.clone());
        return;
    }
    let mut depth = 0;
    let mut first = true;
    while let Some(token) = tokens.get(i) {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => first = true,
            name if depth == 1 && first => {
                out.insert(name.to_owned());
                first = false;
            }
            _ => {}
        }
        i += 1;
        if depth == 0 {
            return;
        }
    }
}

/// The top-level names that a file refers to; `depth` is how many modules it is below the crate's root.
fn named(code: &str, depth: usize, root: &str) -> BTreeSet<String> {
    let tokens = tokens(code);
    let mut names = BTreeSet::new();
    for (i, token) in tokens.iter().enumerate() {
        let starts_path = i == 0 || tokens[i - 1] != "::";
        if !starts_path {
            continue;
        }
        if token == root && tokens.get(i + 1).is_some_and(|t| t == "::") {
            names_behind(&tokens, i + 2, &mut names);
        }
        // As many `super` as there are modules above leads to the root too.
        let supers = tokens[i..].iter().step_by(2).take_while(|t| *t == "super").count();
        if token == "super" && supers >= depth && tokens.get(i + 2 * supers - 1).is_some_and(|t| t == "::") {
            names_behind(&tokens, i + 2 * supers, &mut names);
        }
    }
    names
}

/// The modules of `lib.rs`, in order.
fn order(lib: &str) -> Vec<String> {
    let tokens = tokens(&code(lib));
    tokens.windows(2).filter(|w| w[0] == "mod").map(|w| w[1].clone()).collect()
}

#[test]
fn a_module_names_only_modules_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let order = order(&std::fs::read_to_string(src.join("lib.rs")).unwrap());
    assert!(order.len() > 12, "{order:?}");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 20, "{files:?}");
    let mut wrong = Vec::new();
    for file in &files {
        let relative = file.strip_prefix(&src).unwrap();
        let parts: Vec<String> =
            relative.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if parts == ["lib"] || parts == ["main"] {
            continue;
        }
        let rank = order.iter().position(|m| *m == parts[0]);
        let rank = rank.unwrap_or_else(|| panic!("{} is in no module of lib.rs", relative.display()));
        let text = std::fs::read_to_string(file).unwrap();
        let end = TEST_MODULES.iter().filter_map(|m| text.find(m)).min().unwrap_or(text.len());
        let text = &text[..end];
        let depth = if parts.last().is_some_and(|p| p == "mod") { parts.len() - 1 } else { parts.len() };
        for name in named(&code(text), depth, "crate") {
            // The crate's root re-exports the error types; macros belong to `recording`.
            let module = match name.as_str() {
                "Error" | "ErrorKind" | "Result" => "error",
                "with_samples" | "with_type" => "recording",
                other => other,
            };
            match order.iter().position(|m| m == module) {
                Some(used) if used <= rank => {}
                Some(_) => {
                    wrong.push(format!("{} ({}) names {module}, which is below it", relative.display(), parts[0]))
                }
                None => wrong.push(format!("{} names crate::{module}, which is no module", relative.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Files of the window's module that touch files, and on which thread. All else must not: the window's thread never waits
/// for a disk (`file::without_files` watches what goes through the crate's own `file`).
const TOUCH_FILES: [&str; 13] = [
    // Workers.
    "gui/export_form.rs",
    "gui/following/worker.rs",
    "gui/motion.rs",
    "gui/opening.rs",
    "gui/raw_preview.rs",
    "gui/recent.rs",
    "gui/script.rs",
    "gui/sessions.rs",
    "gui/toasts.rs",
    "gui/workspace/store.rs",
    // Before there is a window, and workers.
    "gui/settings.rs",
    // Tests alone.
    "gui/testing.rs",
    "gui/command_line/tests.rs",
];

/// Whether `code` touches a file by the names of the standard library for that.
fn touches_files(code: &str) -> bool {
    const METHODS: [&str; 9] = [
        "exists",
        "try_exists",
        "is_file",
        "is_dir",
        "metadata",
        "symlink_metadata",
        "canonicalize",
        "read_dir",
        "read_link",
    ];
    const ROOTS: [&str; 4] = ["fs", "File", "AtomicFile", "AtomicFolder"];
    let tokens = tokens(code);
    tokens.windows(2).any(|pair| {
        let method = pair[0] == "." && METHODS.contains(&pair[1].as_str());
        let root = ROOTS.contains(&pair[0].as_str()) && pair[1] == "::";
        let program = pair[0] == "process" && pair[1] == "::";
        method || root || program
    })
}

#[test]
fn the_window_touches_files_only_where_that_is_known() {
    assert!(
        touches_files("let a = path.exists();") && touches_files("std::fs::read(x)") && touches_files("File::open")
    );
    assert!(!touches_files(&code("struct File; fn exists() {} // fs::read")));
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src.join("gui"), &mut files);
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let end = TEST_MODULES.iter().filter_map(|m| text.find(m)).min().unwrap_or(text.len());
        let name = file.strip_prefix(&src).unwrap().iter().map(|p| p.to_string_lossy()).collect::<Vec<_>>().join("/");
        if touches_files(&code(&text[..end])) {
            assert!(TOUCH_FILES.contains(&name.as_str()), "{name} touches files: do it on a worker, and list it here");
        }
    }
}

#[test]
fn the_binary_names_only_the_shells() {
    let main = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs")).unwrap();
    let names = named(&code(&main), 1, "longwave");
    assert!(!names.is_empty());
    for name in names {
        assert!(["cli", "gui", "Error", "Result"].contains(&name.as_str()), "main.rs names longwave::{name}");
    }
}

#[test]
fn the_parser_sees_what_is_written() {
    let seen = |text: &str, depth| named(&code(text), depth, "crate").into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(seen("use crate::a::{b, c}; fn f() { crate::d::g::<crate::e::T>() }", 1), "a d e");
    assert_eq!(seen("use crate::{a::b, c::{d, e}, f as g};", 1), "a c f");
    assert_eq!(seen("// crate::a\n/* crate::b /* crate::c */ */ \"crate::d\" r#\"crate::e\"# '\"' crate::f", 1), "f");
    assert_eq!(seen("use super::a; use super::super::b; fn f<'a>(x: &'a str) { super::c::d() }", 1), "a b c");
    assert_eq!(seen("use super::a; use super::super::b;", 2), "b");
    assert_eq!(seen("pub(in crate) fn f() {} pub(crate) use other::crate_name::x;", 1), "");
    assert_eq!(order("pub mod a;\n// mod x;\nmod b;"), ["a", "b"]);
}
