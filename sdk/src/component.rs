use crate::{
    Context, Json, Localized, Module, Problem, Problems,
    config::Draft,
    settings::{self, Place},
    wit,
};

/// The modules of one component, called natively: what [`export!`](crate::export!) returns, and what the component itself
/// does. A panic of a module is a Rust panic here.
#[derive(Debug, Clone, Copy)]
pub struct Component {
    modules: &'static [Entry],
}

/// One module behind function pointers.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    name: fn() -> String,
    describe: fn() -> wit::Descriptor,
    migrate: fn(u32, Json) -> Result<Json, Problems>,
    generate: fn(&Json, &Context) -> Result<wit::Configuration, Problems>,
}

impl Entry {
    #[must_use]
    pub const fn of<M: Module>() -> Self {
        Self { name: M::name, describe: describe::<M>, migrate: M::migrate, generate: generate::<M> }
    }
}

impl Component {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(modules: &'static [Entry]) -> Self {
        Self { modules }
    }

    /// What the modules are and which settings they have.
    #[must_use]
    pub fn describe(&self) -> Vec<wit::Descriptor> {
        self.modules.iter().map(|module| (module.describe)()).collect()
    }

    /// Settings, as JSON, stored under an earlier schema version of a module.
    ///
    /// # Errors
    /// What the module found, or that there is no such module, or that the settings are no JSON.
    pub fn migrate(&self, name: &str, from_version: u32, settings: &str) -> Result<String, Vec<wit::Problem>> {
        self.module(name)
            .and_then(|module| (module.migrate)(from_version, parse(settings)?))
            .map(|settings| settings.to_string())
            .map_err(Problems::into_wit)
    }

    /// The configuration for one use of a module.
    ///
    /// # Errors
    /// All that is wrong with the settings, or that there is no such module.
    pub fn generate(&self, request: wit::Request) -> Result<wit::Configuration, Vec<wit::Problem>> {
        let wit::Request { name, instance, settings, target, context } = request;
        self.module(&name)
            .and_then(|module| (module.generate)(&parse(&settings)?, &Context::from_wit(instance, target, context)))
            .map_err(Problems::into_wit)
    }

    fn module(&self, name: &str) -> Result<&'static Entry, Problems> {
        let unknown = || Problem::new(format!("this component has no module `{name}`")).into();
        self.modules.iter().find(|module| (module.name)() == name).ok_or_else(unknown)
    }
}

fn parse(settings: &str) -> Result<Json, Problems> {
    serde_json::from_str(settings).map_err(|error| Problem::new(format!("the settings are not JSON: {error}")).into())
}

fn generate<M: Module>(settings: &Json, context: &Context) -> Result<wit::Configuration, Problems> {
    let mut draft = Draft::default();
    read::<M>(settings)?.generate(context, &mut draft.config())?;
    Ok(draft.into_wit())
}

pub(crate) fn read<M: Module>(settings: &Json) -> Result<M, Problems> {
    let mut problems = Problems::default();
    match M::read(settings, &Place::ROOT, &mut problems) {
        Some(module) if problems.is_empty() => Ok(module),
        _ => Err(problems),
    }
}

fn describe<M: Module>() -> wit::Descriptor {
    let (types, settings) = settings::table(M::type_());
    let extra = [
        M::ICON.map(|icon| ("icon", Json::from(icon))),
        M::ICON_DARK.map(|icon| ("icon-dark", Json::from(icon))),
        M::MULTIPLE.then_some(("multiple", Json::from(true))),
        (!M::FORMERLY.is_empty()).then(|| ("formerly", Json::from(M::FORMERLY))),
    ];
    wit::Descriptor {
        name: M::name(),
        schema_version: M::SCHEMA_VERSION,
        label: Localized::into_wit(M::label()),
        description: M::description().into_wit(),
        category: M::category().into_wit(),
        types,
        settings,
        extra: extra.into_iter().flatten().map(|(key, value)| settings::extra(key, &value)).collect(),
    }
}
