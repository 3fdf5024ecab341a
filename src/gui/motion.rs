//! Whether the system asks for little motion: people whom moving pictures make ill say so once, to their desktop.
//!
//! There is no portable way to ask. GNOME and those that follow it keep `enable-animations`, KDE a factor of duration,
//! GTK a line of its settings, macOS and Windows a switch; whatever cannot be found out counts as "not asked for". Asking
//! may start a small program of the system, so it is done once, on a worker.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the system was found to ask for.
static SYSTEM: AtomicBool = AtomicBool::new(false);

/// Whether the system asks for reduced motion, as far as is known by now.
#[must_use]
pub(super) fn system_reduces() -> bool {
    SYSTEM.load(Ordering::Relaxed)
}

/// Asks the system; returns whether it asks for reduced motion. Reads files and may start a program: for workers.
pub(super) fn ask_system() -> bool {
    let reduces = if cfg!(target_os = "macos") {
        said(&["defaults", "read", "com.apple.universalaccess", "reduceMotion"]).is_some_and(|text| text.trim() == "1")
    } else if cfg!(windows) {
        said(&["reg", "query", r"HKCU\Control Panel\Desktop\WindowMetrics", "/v", "MinAnimate"])
            .is_some_and(|text| text.split_whitespace().last() == Some("0"))
    } else {
        desktop_reduces()
    };
    SYSTEM.store(reduces, Ordering::Relaxed);
    reduces
}

fn desktop_reduces() -> bool {
    let config = directories::BaseDirs::new().map(|dirs| dirs.config_dir().to_path_buf()).unwrap_or_default();
    let file = |path: &str| std::fs::read_to_string(config.join(PathBuf::from(path))).unwrap_or_default();
    let gtk = ["gtk-4.0/settings.ini", "gtk-3.0/settings.ini"].into_iter().find_map(|path| gtk_animates(&file(path)));
    let kde = kde_animates(&file("kdeglobals"));
    // The desktops that keep it in dconf say so themselves; elsewhere their tool would tell of nobody's wish.
    let desktop = std::env::var("XDG_CURRENT_DESKTOP").unwrap_or_default().to_lowercase();
    let in_dconf = ["gnome", "unity", "cinnamon", "budgie", "pantheon"].iter().any(|name| desktop.contains(name));
    let gnome = in_dconf
        .then(|| said(&["gsettings", "get", "org.gnome.desktop.interface", "enable-animations"]))
        .flatten()
        .map(|text| text.trim() != "false");
    gnome.or(kde).or(gtk) == Some(false)
}

/// What a program of the system says; `None` if it is not there or fails.
fn said(words: &[&str]) -> Option<String> {
    let (program, arguments) = words.split_first()?;
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// The value of `key` in a file of `key=value` lines.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(key)?.trim_start().strip_prefix('='))?;
    Some(line.trim())
}

fn gtk_animates(text: &str) -> Option<bool> {
    value(text, "gtk-enable-animations").map(|value| !matches!(value, "0" | "false"))
}

fn kde_animates(text: &str) -> Option<bool> {
    value(text, "AnimationDurationFactor").and_then(|value| value.parse::<f64>().ok()).map(|factor| factor > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_desktops_are_understood() {
        assert_eq!(gtk_animates("[Settings]\ngtk-theme-name=Adwaita\ngtk-enable-animations = 0\n"), Some(false));
        assert_eq!(gtk_animates("[Settings]\ngtk-enable-animations=true\n"), Some(true));
        assert_eq!(gtk_animates("gtk-enable-animations-later=0"), None);
        assert_eq!(kde_animates("[KDE]\nAnimationDurationFactor=0\n"), Some(false));
        assert_eq!(kde_animates("[KDE]\nAnimationDurationFactor=0.5\n"), Some(true));
        assert_eq!(kde_animates("AnimationDurationFactor=fast"), None);
        assert_eq!(said(&["no such program of any system"]), None);
    }
}
