//! From the types that bindings generate to [`thymis_core::wire`], within bounds, by move.

use crate::limits::{LimitExceeded, Limits, within};

/// What one answer has used of its [`Limits`].
#[derive(Debug)]
pub struct Budget<'a> {
    limits: &'a Limits,
    used: Used,
}

macro_rules! tables {
    ($($table:ident),*) => {
        #[derive(Debug, Default)]
        struct Used { output_bytes: u64, $($table: u64,)* }

        impl Budget<'_> {
            $(#[doc(hidden)] pub fn $table(&mut self, count: usize) -> Result<(), LimitExceeded> {
                take(&mut self.used.$table, stringify!($table), self.limits.$table, count)
            })*
        }
    };
}

tables!(
    modules,
    types,
    settings,
    choices,
    translations,
    conditions,
    extras,
    exprs,
    operands,
    definitions,
    segments,
    imports,
    secrets,
    checks,
    problems
);

fn take(used: &mut u64, limit: &'static str, allowed: u64, count: usize) -> Result<(), LimitExceeded> {
    *used = within(limit, allowed, used.saturating_add(count as u64))?;
    Ok(())
}

impl<'a> Budget<'a> {
    /// The budget of one answer.
    #[must_use]
    pub fn new(limits: &'a Limits) -> Self {
        Self { limits, used: Used::default() }
    }

    /// Bytes of text taken so far.
    #[must_use]
    pub fn output_bytes(&self) -> u64 {
        self.used.output_bytes
    }

    #[doc(hidden)]
    pub fn text(&mut self, text: String) -> Result<String, LimitExceeded> {
        within("string_bytes", self.limits.string_bytes, text.len() as u64)?;
        take(&mut self.used.output_bytes, "output_bytes", self.limits.output_bytes, text.len())?;
        Ok(text)
    }

    #[doc(hidden)]
    pub fn name(&mut self, name: String) -> Result<String, LimitExceeded> {
        within("name_bytes", self.limits.name_bytes, name.len() as u64)?;
        self.text(name)
    }
}

/// Functions between the types that a binding generator made of `thymis:module/module` and
/// [`thymis_core::wire`]: `descriptors`, `answer` and `migrated` for what modules return (by move, each bound of
/// [`Limits`] counted in a [`Budget`]), `request` for what they get.
///
/// The argument is the path of the generated module; both generators name its types alike.
///
/// ```ignore
/// mod lifted {
///     thymis_sandbox::lift!(crate::bindings::exports::thymis::module::module);
/// }
/// ```
#[macro_export]
macro_rules! lift {
    ($($wit:tt)+) => {
        use $($wit)+ as wit;
        use $crate::{Budget, LimitExceeded, wire};

        type Lifted<T> = ::std::result::Result<T, LimitExceeded>;

        fn each<T, U>(items: Vec<T>, lift: impl FnMut(T) -> Lifted<U>) -> Lifted<Vec<U>> {
            items.into_iter().map(lift).collect()
        }

        fn names(names: Vec<String>, budget: &mut Budget<'_>) -> Lifted<Vec<String>> {
            each(names, |name| budget.name(name))
        }

        fn texts(texts: Vec<String>, budget: &mut Budget<'_>) -> Lifted<Vec<String>> {
            each(texts, |text| budget.text(text))
        }

        fn localized(translations: Vec<wit::Translation>, budget: &mut Budget<'_>) -> Lifted<wire::Localized> {
            budget.translations(translations.len())?;
            each(translations, |it| {
                Ok(wire::Translation { locale: budget.name(it.locale)?, text: budget.text(it.text)? })
            })
        }

        fn extras(extras: Vec<wit::Extra>, budget: &mut Budget<'_>) -> Lifted<Vec<wire::Extra>> {
            budget.extras(extras.len())?;
            each(extras, |it| Ok(wire::Extra { key: budget.name(it.key)?, value: budget.text(it.value)? }))
        }

        fn condition(condition: wit::Condition, budget: &mut Budget<'_>) -> Lifted<wire::Condition> {
            budget.conditions(condition.when.len())?;
            let when = each(condition.when, |test| {
                budget.conditions(test.any_of.len())?;
                Ok(wire::Test { setting: budget.text(test.setting)?, any_of: texts(test.any_of, budget)? })
            })?;
            let effect = match condition.effect {
                wit::Effect::Visible => wire::Effect::Visible,
                wit::Effect::Required => wire::Effect::Required,
                wit::Effect::Allowed(values) => {
                    budget.conditions(values.len())?;
                    wire::Effect::Allowed(texts(values, budget)?)
                }
            };
            Ok(wire::Condition { when, effect })
        }

        fn setting(setting: wit::Setting, budget: &mut Budget<'_>) -> Lifted<wire::Setting> {
            budget.conditions(setting.conditions.len())?;
            Ok(wire::Setting {
                key: budget.name(setting.key)?,
                type_: setting.type_,
                label: localized(setting.label, budget)?,
                description: localized(setting.description, budget)?,
                required: setting.required,
                default: setting.default.map(|json| budget.text(json)).transpose()?,
                example: setting.example.map(|json| budget.text(json)).transpose()?,
                conditions: each(setting.conditions, |it| condition(it, budget))?,
                extra: extras(setting.extra, budget)?,
            })
        }

        fn shape(shape: wit::Shape, budget: &mut Budget<'_>) -> Lifted<wire::Shape> {
            Ok(match shape {
                wit::Shape::Scalar(name) => wire::Shape::Scalar(budget.name(name)?),
                wit::Shape::Select(choices) => {
                    budget.choices(choices.len())?;
                    wire::Shape::Select(each(choices, |it| {
                        Ok(wire::Choice { value: budget.text(it.value)?, label: localized(it.label, budget)? })
                    })?)
                }
                wit::Shape::Group(settings) => {
                    budget.settings(settings.len())?;
                    wire::Shape::Group(each(settings, |it| setting(it, budget))?)
                }
                wit::Shape::List(id) => wire::Shape::List(id),
                wit::Shape::Map(id) => wire::Shape::Map(id),
            })
        }

        fn descriptor(descriptor: wit::Descriptor, budget: &mut Budget<'_>) -> Lifted<wire::Descriptor> {
            budget.types(descriptor.types.len())?;
            Ok(wire::Descriptor {
                name: budget.name(descriptor.name)?,
                schema_version: descriptor.schema_version,
                label: localized(descriptor.label, budget)?,
                description: localized(descriptor.description, budget)?,
                category: localized(descriptor.category, budget)?,
                types: each(descriptor.types, |it| {
                    Ok(wire::SettingType {
                        shape: shape(it.shape, budget)?,
                        constraints: extras(it.constraints, budget)?,
                    })
                })?,
                settings: descriptor.settings,
                extra: extras(descriptor.extra, budget)?,
            })
        }

        /// What `describe` returned.
        #[allow(dead_code)]
        pub(crate) fn descriptors(
            descriptors: Vec<wit::Descriptor>,
            budget: &mut Budget<'_>,
        ) -> Lifted<Vec<wire::Descriptor>> {
            budget.modules(descriptors.len())?;
            each(descriptors, |it| descriptor(it, budget))
        }

        fn expr(expr: wit::Expr, budget: &mut Budget<'_>) -> Lifted<wire::Expr> {
            Ok(match expr {
                wit::Expr::Null => wire::Expr::Null,
                wit::Expr::Bool(value) => wire::Expr::Bool(value),
                wit::Expr::Int(value) => wire::Expr::Int(value),
                wit::Expr::Float(value) => wire::Expr::Float(value),
                wit::Expr::Text(parts) => {
                    budget.operands(parts.len())?;
                    wire::Expr::Text(each(parts, |part| {
                        Ok(match part {
                            wit::Part::Literal(text) => wire::Part::Literal(budget.text(text)?),
                            wit::Part::Embed(id) => wire::Part::Embed(id),
                        })
                    })?)
                }
                wit::Expr::List(items) => {
                    budget.operands(items.len())?;
                    wire::Expr::List(items)
                }
                wit::Expr::Attrs(attrs) => {
                    budget.operands(attrs.len())?;
                    wire::Expr::Attrs(each(attrs, |it| {
                        Ok(wire::Attr { name: budget.name(it.name)?, value: it.value })
                    })?)
                }
                wit::Expr::Ref(it) => {
                    budget.operands(it.path.len())?;
                    wire::Expr::Ref(wire::Reference { root: budget.name(it.root)?, path: names(it.path, budget)? })
                }
                wit::Expr::Call(it) => {
                    budget.operands(it.arguments.len())?;
                    wire::Expr::Call(wire::Call { function: budget.name(it.function)?, arguments: it.arguments })
                }
                wit::Expr::Raw(text) => wire::Expr::Raw(budget.text(text)?),
            })
        }

        fn definition(definition: wit::Definition, budget: &mut Budget<'_>) -> Lifted<wire::Definition> {
            budget.segments(definition.path.len())?;
            Ok(wire::Definition {
                path: names(definition.path, budget)?,
                value: definition.value,
                strength: match definition.strength {
                    wit::Strength::Merge => wire::Strength::Merge,
                    wit::Strength::Override => wire::Strength::Override,
                    wit::Strength::Fallback => wire::Strength::Fallback,
                    wit::Strength::Force => wire::Strength::Force,
                },
            })
        }

        fn placement(placement: wit::Placement, budget: &mut Budget<'_>) -> Lifted<wire::Placement> {
            Ok(wire::Placement {
                secret: budget.name(placement.secret)?,
                path: budget.text(placement.path)?,
                owner: budget.name(placement.owner)?,
                group: budget.name(placement.group)?,
                mode: placement.mode,
            })
        }

        fn configuration(
            configuration: wit::Configuration,
            budget: &mut Budget<'_>,
        ) -> Lifted<wire::Configuration> {
            budget.exprs(configuration.exprs.len())?;
            budget.definitions(configuration.definitions.len())?;
            budget.imports(configuration.imports.len())?;
            budget.secrets(configuration.secrets.len())?;
            budget.checks(configuration.checks.len())?;
            Ok(wire::Configuration {
                exprs: each(configuration.exprs, |it| expr(it, budget))?,
                definitions: each(configuration.definitions, |it| definition(it, budget))?,
                imports: configuration.imports,
                secrets: each(configuration.secrets, |it| placement(it, budget))?,
                checks: each(configuration.checks, |it| {
                    Ok(wire::Check { fatal: it.fatal, holds: it.holds, message: budget.text(it.message)? })
                })?,
            })
        }

        fn problems(problems: Vec<wit::Problem>, budget: &mut Budget<'_>) -> Lifted<Vec<wire::Problem>> {
            budget.problems(problems.len())?;
            each(problems, |it| {
                Ok(wire::Problem {
                    setting: it.setting.map(|pointer| budget.text(pointer)).transpose()?,
                    message: localized(it.message, budget)?,
                })
            })
        }

        /// What `generate` returned.
        #[allow(dead_code)]
        pub(crate) fn answer(
            answer: ::std::result::Result<wit::Configuration, Vec<wit::Problem>>,
            budget: &mut Budget<'_>,
        ) -> Lifted<wire::Answer> {
            Ok(match answer {
                Ok(it) => Ok(configuration(it, budget)?),
                Err(it) => Err(problems(it, budget)?),
            })
        }

        /// What `migrate` returned.
        #[allow(dead_code)]
        pub(crate) fn migrated(
            migrated: ::std::result::Result<String, Vec<wit::Problem>>,
            budget: &mut Budget<'_>,
        ) -> Lifted<::std::result::Result<wire::Json, Vec<wire::Problem>>> {
            Ok(match migrated {
                Ok(json) => Ok(budget.text(json)?),
                Err(it) => Err(problems(it, budget)?),
            })
        }

        /// What `generate` gets.
        #[allow(dead_code)]
        pub(crate) fn request(request: wire::Request) -> wit::Request {
            wit::Request {
                name: request.name,
                instance: request.instance,
                settings: request.settings,
                target: wit::Target {
                    kind: match request.target.kind {
                        wire::TargetKind::Configuration => wit::TargetKind::Configuration,
                        wire::TargetKind::Tag => wit::TargetKind::Tag,
                    },
                    id: request.target.id,
                    device_type: request.target.device_type,
                    system: request.target.system,
                },
                context: request
                    .context
                    .into_iter()
                    .map(|it| wit::Extra { key: it.key, value: it.value })
                    .collect(),
            }
        }
    };
}
