//! The pages of `docs/projects` are true: their repositories are built, their states are generated, and Nix answers what
//! the pages show.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{fs, path::Path};

use regex::Regex;
use serde_json::json;
use thymis_tests::{Example, World};

/// What a page tells its reader to do.
#[derive(Debug, Default)]
struct Page {
    /// Name of the input, and the example.
    inputs: Vec<(String, Example)>,
    /// Files of the state.
    files: Vec<(String, String)>,
    /// Arguments of `thymis eval`, and what it prints.
    evaluations: Vec<(Vec<String>, Vec<String>)>,
}

impl Page {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let mut page = Self::default();
        let mut lines = text.lines();
        let mut file = None;
        let mut evaluation: Option<Vec<String>> = None;
        let named = Regex::new("`(state/[a-z0-9/.-]+)`:$").unwrap();
        while let Some(line) = lines.next() {
            if let Some(name) = named.captures(line) {
                file = Some(name[1].to_owned());
            } else if let Some(arguments) = line.strip_prefix("    thymis input add ") {
                let (name, url) = arguments.split_once(' ').unwrap();
                let example = Example::named(url.rsplit('/').next().unwrap()).unwrap();
                page.inputs.push((name.to_owned(), example));
            } else if let Some(arguments) = line.strip_prefix("    thymis eval ") {
                evaluation = Some(arguments.split_whitespace().map(str::to_owned).collect());
            } else if let Some(language) = line.strip_prefix("```") {
                let block: Vec<String> = lines.by_ref().take_while(|line| *line != "```").map(str::to_owned).collect();
                match (language, file.take(), evaluation.take()) {
                    ("json", Some(file), _) => page.files.push((file, block.join("\n"))),
                    ("", _, Some(arguments)) => page.evaluations.push((arguments, block)),
                    _ => {}
                }
            }
        }
        page
    }

    fn follow(&self) {
        let world = World::with_inputs();
        for (name, example) in &self.inputs {
            if name != "temperature" {
                world.add(name, example.repository()).done();
                world.thymis(&["input", "accept", name, "--yes"]).done();
            }
        }
        for (file, text) in &self.files {
            world.write(file, text);
        }
        world.thymis(&["generate"]).done();
        assert!(!self.evaluations.is_empty(), "{self:?}");
        for (arguments, shown) in &self.evaluations {
            let all: Vec<&str> = ["eval"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
            let printed = world.thymis(&all).done().stdout;
            let printed: Vec<&str> = printed.lines().collect();
            assert_eq!(printed.len(), shown.len(), "{arguments:?}: {printed:#?}");
            for (printed, shown) in printed.iter().zip(shown) {
                let like = Regex::new(&format!("^{}$", regex::escape(shown).replace('…', ".*"))).unwrap();
                assert!(like.is_match(printed), "shown\n{shown}\nprinted\n{printed}");
            }
        }
    }
}

macro_rules! pages {
    ($($test:ident = $page:literal;)*) => {
        $(
            #[test]
            fn $test() {
                Page::read(&folder().join(concat!($page, ".md"))).follow();
            }
        )*

        #[test]
        fn every_page_is_followed() {
            let mut pages: Vec<String> = fs::read_dir(folder())
                .unwrap()
                .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
                .collect();
            pages.sort();
            assert_eq!(pages, [$($page),*]);
        }
    };
}

pages! {
    containers_that_belong_together = "container-stack";
    a_board_of_ones_own = "custom-board";
    a_development_machine = "development-machine";
    an_iot_sensor = "iot-sensor";
    a_qt_application_on_a_screen = "qt-kiosk";
    a_host_of_virtual_machines = "vm-host";
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/projects")
}

/// An author who runs the commands of the README in an example finds nothing to do.
#[test]
fn the_examples_pass_their_own_tests_and_ask_for_what_they_use() {
    for example in [
        "temperature-logger",
        "web-app",
        "container-stack",
        "custom-board",
        "development-machine",
        "qt-kiosk",
        "vm-host",
    ] {
        let world = World::empty();
        let repository = world.own(Example::named(example).unwrap());
        world.thymis_in(&repository, &["module", "test"]).done();
        let components = world.thymis_in(&repository, &["--json", "module", "permissions"]).done().json();
        for component in components.as_array().unwrap() {
            assert_eq!([&component["unused"], &component["missing"]], [&json!([]), &json!([])], "{example}");
        }
    }
}
