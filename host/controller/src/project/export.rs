use thymis_core::{
    id::ModuleId,
    thymis::{self, Exported},
};

use super::{Catalogue, GenerateError, Project};

impl Project {
    /// The `state.json` of Thymis 0.9 for this project.
    ///
    /// # Errors
    /// When the project can't be read.
    pub fn export(&self) -> Result<Exported, GenerateError> {
        let state = self.state()?;
        let catalogue = Catalogue::load(&self.host, &state.project, &self.lock()?)?;
        let class = |module: &ModuleId| catalogue.find(module)?.descriptor.python.first().cloned();
        let configurations = state.configurations.iter().map(|(id, parsed)| (id, parsed.value.as_ref()));
        let tags = state.tags.iter().map(|(id, parsed)| (id, parsed.value.as_ref()));
        Ok(thymis::export(&state.project, configurations, tags, &class))
    }
}
