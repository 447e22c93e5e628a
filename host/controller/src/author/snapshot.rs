//! What a module printed before, in files beside its source.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Where snapshots lie in a repository.
pub(super) const FOLDER: &str = "tests/snapshots";
/// Lines around a difference that are shown, and most lines of a part that is compared line by line.
const CONTEXT: usize = 3;
const MAX_LINES: usize = 2000;

/// What became of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Compared {
    Same,
    /// It wasn't there, or is to be replaced.
    Written,
    /// Lines with ` `, `-` (the file) or `+` (now) in front.
    Different(String),
}

/// The file of a case.
pub(super) fn file(repository: &Path, module: &str, case: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = case.chars().map(plain).collect();
    repository.join(FOLDER).join(module).join(format!("{name}.nix"))
}

pub(super) fn compare(path: &Path, now: &str, update: bool) -> io::Result<Compared> {
    let before = match fs::read_to_string(path) {
        Ok(before) => Some(before),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    match before {
        Some(before) if before == now => Ok(Compared::Same),
        Some(before) if !update => Ok(Compared::Different(difference(&before, now))),
        _ => {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(path, now)?;
            Ok(Compared::Written)
        }
    }
}

/// Both texts in one, with a few equal lines around what differs.
fn difference(before: &str, now: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), now.lines().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let part = |lines: &[&str], from: usize, to: usize, sign: char| -> Vec<String> {
        lines.get(from..to).unwrap_or_default().iter().map(|line| format!("{sign} {line}")).collect()
    };
    let mut out = part(&old, start.saturating_sub(CONTEXT), start, ' ');
    let (a, b) =
        (old.get(start..old.len() - end).unwrap_or_default(), new.get(start..new.len() - end).unwrap_or_default());
    out.extend(edits(a, b));
    out.extend(part(&old, old.len() - end, (old.len() - end + CONTEXT).min(old.len()), ' '));
    if before.ends_with('\n') != now.ends_with('\n') {
        out.push("(the newline at the end differs)".to_owned());
    }
    out.join("\n")
}

/// The fewest lines taken away and added.
fn edits(old: &[&str], new: &[&str]) -> Vec<String> {
    let all = |lines: &[&str], sign: char| lines.iter().map(|line| format!("{sign} {line}")).collect::<Vec<_>>();
    if old.len() > MAX_LINES || new.len() > MAX_LINES {
        return [all(old, '-'), all(new, '+')].concat();
    }
    // `common[i][j]`: how many lines `old[i..]` and `new[j..]` have in common.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    let at =
        |common: &Vec<Vec<usize>>, i: usize, j: usize| common.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0);
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let best =
                if a == b { at(&common, i + 1, j + 1) + 1 } else { at(&common, i + 1, j).max(at(&common, i, j + 1)) };
            if let Some(slot) = common.get_mut(i).and_then(|row| row.get_mut(j)) {
                *slot = best;
            }
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    loop {
        match (old.get(i), new.get(j)) {
            (None, None) => return out,
            (Some(a), Some(b)) if a == b => {
                out.push(format!("  {a}"));
                (i, j) = (i + 1, j + 1);
            }
            (Some(a), b) if b.is_none() || at(&common, i + 1, j) >= at(&common, i, j + 1) => {
                out.push(format!("- {a}"));
                i += 1;
            }
            (_, Some(b)) => {
                out.push(format!("+ {b}"));
                j += 1;
            }
            (Some(_), None) => return out,
        }
    }
}
