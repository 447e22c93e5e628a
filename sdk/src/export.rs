//! What makes a crate a component.

/// Makes a component of modules: `thymis_sdk::export!(TemperatureLogger);`, once, in the crate's root.
///
/// For WebAssembly it defines the component's functions. For every target it defines
/// `pub fn thymis_modules() -> thymis_sdk::Component`, by which a host can link the same modules natively.
#[macro_export]
macro_rules! export {
    ($($module:ty),+ $(,)?) => {
        /// The modules of this crate.
        #[must_use]
        pub fn thymis_modules() -> $crate::Component {
            const MODULES: &[$crate::Entry] = &[$($crate::Entry::of::<$module>()),+];
            $crate::Component::new(MODULES)
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::wit;

            struct Guest;

            impl wit::Guest for Guest {
                fn describe() -> ::std::vec::Vec<wit::Descriptor> {
                    $crate::install();
                    thymis_modules().describe()
                }

                fn migrate(
                    name: ::std::string::String,
                    from_version: u32,
                    settings: ::std::string::String,
                ) -> ::core::result::Result<::std::string::String, ::std::vec::Vec<wit::Problem>> {
                    $crate::install();
                    thymis_modules().migrate(&name, from_version, &settings)
                }

                fn generate(
                    request: wit::Request,
                ) -> ::core::result::Result<wit::Configuration, ::std::vec::Vec<wit::Problem>> {
                    $crate::install();
                    thymis_modules().generate(request)
                }
            }

            wit::export_component!(Guest with_types_in $crate::wit::bindings);
        };
    };
}

/// Makes panics tell the host their message and place. Natively they stay Rust's own.
pub fn install() {
    #[cfg(target_arch = "wasm32")]
    {
        use std::sync::Once;

        static HOOK: Once = Once::new();
        HOOK.call_once(|| std::panic::set_hook(Box::new(report)));
    }
}

#[cfg(target_arch = "wasm32")]
fn report(panic: &std::panic::PanicHookInfo<'_>) {
    /// Bytes; the host cuts what is longer.
    const LONGEST: usize = 4096;

    let payload = panic.payload();
    let message =
        payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = message.unwrap_or("(no message)");
    let message = message.char_indices().nth(LONGEST).and_then(|(end, _)| message.get(..end)).unwrap_or(message);
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    crate::wit::diagnostics::panicked(message, &location);
}
