//! For tests of modules: what they make of settings, without a host.
//!
//! ```
//! # use thymis_sdk::prelude::*;
//! # #[derive(Settings)]
//! # struct Greeting { #[setting(max_length = 5)] text: String }
//! # impl Module for Greeting {
//! #     fn generate(self, _: &Context, config: &mut Config) -> Result<(), Problems> {
//! #         config.set("users.motd", self.text);
//! #         Ok(())
//! #     }
//! # }
//! use thymis_sdk::testing;
//!
//! let rendered = testing::render::<Greeting>(json!({ "text": "Hello" }));
//! assert_eq!(rendered.value("users.motd"), "Hello");
//! println!("{rendered}"); // all of it, much like Nix
//!
//! let problems = testing::refuse::<Greeting>(json!({ "text": "Good morning" }));
//! assert_eq!(problems[0].setting(), Some("/text"));
//! ```
//!
//! Settings are checked as the host would, except for patterns, conditions and uniqueness; for those, and for permissions,
//! use `thymis module run`.

mod check;
mod nix;
mod rendered;
mod tree;

pub use rendered::Rendered;

use crate::{Context, Json, Module, Problem, component, config::Draft, wit};

/// One use of a module in a configuration, with the settings that a person would store.
#[derive(Debug, Clone)]
pub struct Use<M> {
    settings: Json,
    instance: String,
    target: wit::Target,
    context: Vec<wit::Extra>,
    module: std::marker::PhantomData<M>,
}

/// What the module makes of the settings, in a configuration of a `generic-x86_64`.
///
/// # Panics
/// Where the settings are refused.
#[must_use]
#[track_caller]
pub fn render<M: Module>(settings: Json) -> Rendered {
    Use::<M>::new(settings).render()
}

/// What is wrong with the settings.
///
/// # Panics
/// Where nothing is.
#[must_use]
#[track_caller]
pub fn refuse<M: Module>(settings: Json) -> Vec<Problem> {
    Use::<M>::new(settings).refuse()
}

impl<M: Module> Use<M> {
    #[must_use]
    pub fn new(settings: Json) -> Self {
        let target = wit::Target {
            kind: wit::TargetKind::Configuration,
            id: "test".to_owned(),
            device_type: Some("generic-x86_64".to_owned()),
            system: Some("x86_64-linux".to_owned()),
        };
        Self { settings, instance: M::name(), target, context: Vec::new(), module: std::marker::PhantomData }
            .context("controller-url", "https://controller.example.org".into())
    }

    /// In a tag: without device type and system.
    #[must_use]
    pub fn in_tag(mut self) -> Self {
        self.target.kind = wit::TargetKind::Tag;
        self.target.device_type = None;
        self.target.system = None;
        self
    }

    #[must_use]
    pub fn on(mut self, device_type: &str, system: &str) -> Self {
        self.target.device_type = Some(device_type.to_owned());
        self.target.system = Some(system.to_owned());
        self
    }

    /// The identifier of the configuration or tag.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.target.id);
        self
    }

    #[must_use]
    pub fn instance(mut self, instance: &str) -> Self {
        instance.clone_into(&mut self.instance);
        self
    }

    /// Says something else about the surroundings.
    #[must_use]
    pub fn context(mut self, key: &str, value: Json) -> Self {
        self.context.retain(|extra| extra.key != key);
        self.context.push(wit::Extra { key: key.to_owned(), value: value.to_string() });
        self
    }

    /// # Errors
    /// All problems of the settings, or else those that the module itself found.
    pub fn run(&self) -> Result<Rendered, Vec<Problem>> {
        let problems = check::problems(&M::type_(), &self.settings);
        if !problems.is_empty() {
            return Err(problems);
        }
        let context = Context::from_wit(self.instance.clone(), self.target.clone(), self.context.clone());
        let mut draft = Draft::default();
        component::read::<M>(&self.settings)
            .and_then(|module| module.generate(&context, &mut draft.config()))
            .map_err(|problems| problems.into_iter().collect::<Vec<_>>())?;
        Ok(Rendered::of(draft))
    }

    /// # Panics
    /// Where the settings are refused.
    #[must_use]
    #[track_caller]
    #[allow(clippy::panic, reason = "how a test fails")]
    pub fn render(&self) -> Rendered {
        match self.run() {
            Ok(rendered) => rendered,
            Err(problems) => {
                let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
                panic!("the settings were refused:\n{}", problems.join("\n"))
            }
        }
    }

    /// # Panics
    /// Where the settings are accepted.
    #[must_use]
    #[track_caller]
    #[allow(clippy::panic, reason = "how a test fails")]
    pub fn refuse(&self) -> Vec<Problem> {
        match self.run() {
            Ok(rendered) => panic!("the settings were accepted:\n{rendered}"),
            Err(problems) => problems,
        }
    }
}
